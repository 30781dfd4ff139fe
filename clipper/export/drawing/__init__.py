"""Still pictures of a map: its colours, where everything is, pixels and SVG."""
