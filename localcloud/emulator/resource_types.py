"""Resource types that ministack refuses a whole template for: accepted and recorded, so that the template stays whole.

They get a physical id and the attributes that templates ask for. Nothing else happens: no budget is watched, no event
archived. A type with a handler of its own (ministack's or ours) is left alone.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from localcloud.emulator.patching import require

Properties = dict[str, Any]

# type → (the property that names it, service and path of its ARN, attribute that holds the ARN)
_NAMED: dict[str, tuple[str, str, str]] = {
    "AWS::ApplicationInsights::Application": (
        "ResourceGroupName",
        "applicationinsights:application/",
        "ApplicationARN",
    ),
    "AWS::BCMDataExports::Export": ("Name", "bcm-data-exports:export/", "ExportArn"),
    "AWS::Budgets::Budget": ("BudgetName", "budgets:budget/", "Arn"),
    "AWS::Budgets::BudgetsAction": ("BudgetName", "budgets:action/", "ActionId"),
    "AWS::CE::AnomalyMonitor": ("MonitorName", "ce:anomalymonitor/", "MonitorArn"),
    "AWS::CE::AnomalySubscription": ("SubscriptionName", "ce:anomalysubscription/", "SubscriptionArn"),
    "AWS::CE::CostCategory": ("Name", "ce:costcategory/", "Arn"),
    "AWS::CUR::ReportDefinition": ("ReportName", "cur:definition/", "Arn"),
    "AWS::CloudWatch::AnomalyDetector": ("MetricName", "cloudwatch:anomaly-detector/", "Id"),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", "cloudwatch:alarm:", "Arn"),
    "AWS::CloudWatch::MetricStream": ("Name", "cloudwatch:metric-stream/", "Arn"),
    "AWS::EC2::FlowLog": ("LogGroupName", "ec2:vpc-flow-log/", "Id"),
    "AWS::EC2::SecurityGroupEgress": ("GroupId", "ec2:security-group-rule/", "Id"),
    "AWS::EC2::SecurityGroupIngress": ("GroupId", "ec2:security-group-rule/", "Id"),
    "AWS::Events::ApiDestination": ("Name", "events:api-destination/", "Arn"),
    "AWS::Events::Archive": ("ArchiveName", "events:archive/", "Arn"),
    "AWS::Events::Connection": ("Name", "events:connection/", "Arn"),
    "AWS::Events::EventBusPolicy": ("StatementId", "events:event-bus/", "Id"),
    "AWS::Glue::DataCatalogEncryptionSettings": ("CatalogId", "glue:catalog/", "Id"),
    "AWS::IAM::OIDCProvider": ("Url", "iam:oidc-provider/", "Arn"),
    "AWS::IAM::RolePolicy": ("PolicyName", "iam:policy/", "Id"),
    "AWS::IAM::ServiceLinkedRole": ("AWSServiceName", "iam:role/aws-service-role/", "RoleName"),
    "AWS::Logs::QueryDefinition": ("Name", "logs:query-definition/", "QueryDefinitionId"),
    "AWS::ResourceGroups::Group": ("Name", "resource-groups:group/", "Arn"),
    "AWS::SageMaker::DataQualityJobDefinition": (
        "JobDefinitionName",
        "sagemaker:data-quality-job/",
        "JobDefinitionArn",
    ),
    "AWS::SageMaker::Domain": ("DomainName", "sagemaker:domain/", "DomainArn"),
    "AWS::SageMaker::Endpoint": ("EndpointName", "sagemaker:endpoint/", "EndpointName"),
    "AWS::SageMaker::EndpointConfig": ("EndpointConfigName", "sagemaker:endpoint-config/", "EndpointConfigName"),
    "AWS::SageMaker::FeatureGroup": ("FeatureGroupName", "sagemaker:feature-group/", "FeatureGroupArn"),
    "AWS::SageMaker::MlflowTrackingServer": (
        "TrackingServerName",
        "sagemaker:mlflow-tracking-server/",
        "TrackingServerArn",
    ),
    "AWS::SageMaker::Model": ("ModelName", "sagemaker:model/", "ModelName"),
    "AWS::SageMaker::ModelPackage": ("ModelPackageName", "sagemaker:model-package/", "ModelPackageArn"),
    "AWS::SageMaker::ModelPackageGroup": (
        "ModelPackageGroupName",
        "sagemaker:model-package-group/",
        "ModelPackageGroupArn",
    ),
    "AWS::SageMaker::MonitoringSchedule": (
        "MonitoringScheduleName",
        "sagemaker:monitoring-schedule/",
        "MonitoringScheduleArn",
    ),
    "AWS::SageMaker::NotebookInstance": (
        "NotebookInstanceName",
        "sagemaker:notebook-instance/",
        "NotebookInstanceName",
    ),
    "AWS::SageMaker::Pipeline": ("PipelineName", "sagemaker:pipeline/", "PipelineName"),
    "AWS::SageMaker::Project": ("ProjectName", "sagemaker:project/", "ProjectArn"),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId", "secretsmanager:secret-policy/", "Id"),
    "AWS::SecretsManager::RotationSchedule": ("SecretId", "secretsmanager:rotation/", "Id"),
    "AWS::Synthetics::Canary": ("Name", "synthetics:canary:", "Id"),
    "AWS::XRay::Group": ("GroupName", "xray:group/", "GroupARN"),
    "AWS::XRay::SamplingRule": ("RuleName", "xray:sampling-rule/", "RuleARN"),
}


def apply() -> None:
    handlers = require(provisioners, "_RESOURCE_HANDLERS")
    require(provisioners, "_provision_resource", ("resource_type", "logical_id", "props", "stack_name"))
    for resource_type, (name_property, arn_path, attribute) in _NAMED.items():
        if resource_type not in handlers:
            handlers[resource_type] = {
                "create": _recorder(name_property, arn_path, attribute),
                "update": _updater(name_property, arn_path, attribute),
                "delete": _forget,
            }


def _recorder(name_property: str, arn_path: str, attribute: str) -> Callable[..., tuple[str, Properties]]:
    def create(logical_id: str, props: Properties, stack_name: str) -> tuple[str, Properties]:
        return _record(_name(props, name_property) or _generated(stack_name, logical_id), arn_path, attribute)

    return create


def _updater(name_property: str, arn_path: str, attribute: str) -> Callable[..., tuple[str, Properties]]:
    def update(physical_id: str, _old: Properties, new: Properties, _stack_name: str) -> tuple[str, Properties]:
        return _record(_name(new, name_property) or physical_id, arn_path, attribute)

    return update


def _record(name: str, arn_path: str, attribute: str) -> tuple[str, Properties]:
    service, path = arn_path.split(":", 1)
    arn = f"arn:aws:{service}:{get_region()}:{get_account_id()}:{path}{name}"
    value = arn if attribute.lower().endswith("arn") else name
    return name, {"Arn": arn, attribute: value}


def _name(props: Properties, name_property: str) -> str:
    """The name a template gives, also where the type keeps it one level down (`Budget: {BudgetName: …}`)."""
    for level in (props, *(value for value in props.values() if isinstance(value, dict))):
        if isinstance(level.get(name_property), str):
            return str(level[name_property])
    return ""


def _generated(stack_name: str, logical_id: str) -> str:
    return f"{stack_name}-{logical_id}-{sha256(f'{stack_name}/{logical_id}'.encode()).hexdigest()[:8]}"


def _forget(_physical_id: str, _props: Properties) -> None:
    """Nothing was made, so there is nothing to take away."""
