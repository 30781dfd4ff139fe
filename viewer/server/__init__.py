"""What the server answers beside the page: images, exports, the script; and who may ask."""
