"""What runs inside SageMaker containers; knows /opt/ml, knows nothing of Lambda."""
