"""What Prometheus is shown of a desk."""
