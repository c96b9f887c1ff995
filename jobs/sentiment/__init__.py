"""Labels headlines positive, neutral or negative; runs inside SageMaker containers, imports nothing of Lambda's."""
