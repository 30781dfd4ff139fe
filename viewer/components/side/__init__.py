"""The panel beside the map: results, filters, selection, detail and overview."""
