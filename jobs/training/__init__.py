"""Source directory of the training job (script mode): `train.py` is the entry point, `inference.py` the endpoint's."""
