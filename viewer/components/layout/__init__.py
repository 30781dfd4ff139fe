"""Where the panels of the page are: groups of tabs around the map, the menu of arrangements."""
