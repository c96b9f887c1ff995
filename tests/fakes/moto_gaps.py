"""What moto 5.2 lacks of AWS and our functions need."""

from typing import Any

from moto.core.responses import ActionResult


def update_endpoint(self: Any) -> ActionResult:
    """SageMaker's UpdateEndpoint, to be set as `SageMakerResponse.update_endpoint`."""
    name, config = self._get_param("EndpointName"), self._get_param("EndpointConfigName")
    self.sagemaker_backend.describe_endpoint_config(config)
    self.sagemaker_backend.describe_endpoint(name)
    endpoint = self.sagemaker_backend.endpoints[name]
    endpoint.endpoint_config_name = config
    return ActionResult({"EndpointArn": endpoint.arn})
