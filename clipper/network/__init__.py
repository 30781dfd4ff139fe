"""Requests over a network: what passes is tried again, and errors are told apart."""
