"""What PostgreSQL alone must show: sharing, losing a server, and its schema."""
