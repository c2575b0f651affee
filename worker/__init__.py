"""The Celery worker: thin tasks that carry ids of rows, and the tick."""
