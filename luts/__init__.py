"""The .cube presets and the recipes that write them."""
