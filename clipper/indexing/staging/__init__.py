"""What a run works on: the home that it writes, its staged parts, and the reports of its steps."""
