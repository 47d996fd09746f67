"""The board's pages: one case, its record, two evaluations compared, and the rule set to look things up in.

Server-rendered, every text escaped, nothing loaded from elsewhere. One page (*what if*) has a script of ours, and works
without it, too.
"""

from cds.service.board.pages import add_board as add_board
