"""Clinical knowledge: data files only. This line makes the folder importable, as `cds_rules`; it holds no code."""
