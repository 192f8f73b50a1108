"""Loading encoders safely, encoding texts once, and exact search over the vectors."""
