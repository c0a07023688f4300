"""The documentation: its pages, and the tools that build and check them."""
