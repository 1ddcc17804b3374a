"""Colour tools, LUTs, images, video and the app's pages. Runs without torch or a model."""
