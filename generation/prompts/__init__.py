"""What an image or an edit is asked for, in words."""
