"""The server's own routes beside the page: images, exports, the scripts; and who may use them."""
