"""What is trained: encoders and heads out of bars, snapshots of them, and how far they drift."""
