"""Drawing of procedural scenes: camera, rasteriser, materials, backgrounds."""
