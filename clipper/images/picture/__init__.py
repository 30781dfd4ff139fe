"""What is done to decoded pixels: colours to sRGB, modes to RGB, measures, a tiny copy."""
