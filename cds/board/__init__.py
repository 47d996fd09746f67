"""The board's page as data: what is shown of an answer, in which order, and where on the drawing.

Pure: nothing here reads a request, a clock or a database, and no sentence for people is written here; the words stand
in the catalogue of the service (`cds.service.board`), the clinical ones in the rule set.
"""
