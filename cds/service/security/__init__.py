"""Who may ask: tokens of CDS clients and of an OAuth2 server, their keys, and how often anybody may ask."""
