"""What the provider says: EC2 status and events, console output, status pages."""
