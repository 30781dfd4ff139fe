"""Examining a whole home, and making again what is damaged."""
