"""The board's pages: one case, its record, two evaluations compared, and the rule set to look things up in.

Server-rendered, every text escaped, nothing loaded from elsewhere, no script.
"""

from cds.service.board.pages import add_board as add_board
