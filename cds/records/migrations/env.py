"""What Alembic runs: the migrations, on the connection that `cds.records.database.upgrade` gives it."""

from alembic import context

from cds.records.tables import METADATA

# The name under which Alembic loads this file; whoever only imports it migrates nothing.
if __name__ == "env_py":
    context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
