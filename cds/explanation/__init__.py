"""The answer in words: for a terminal (`text`), as Markdown (`markdown`), and how each truth follows (`tree`).

All are laid out from one `page`. Nothing is imported here, so that a command which only prints a message stays light.
"""
