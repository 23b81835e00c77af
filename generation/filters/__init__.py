"""Filters: which finished pairs are kept, and why others are not."""
