"""The map of another model beside the first: what lies over it, and who shows it."""
