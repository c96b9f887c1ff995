"""The model registry: package groups, versions, approval. Every change of a package is an event."""

import json
import threading

from localcloud.sagemaker.configuration import name_from_arn
from localcloud.sagemaker.documents import Document, now, public, to_iso, with_times
from localcloud.sagemaker.errors import ConflictError, ValidationError
from localcloud.sagemaker.foundation import Platform
from localcloud.sagemaker.listing import Listing, page
from localcloud.sagemaker.model import check_request, described
from localcloud.sagemaker.store import AlreadyThereError

_GROUP = "model-package-group"
_PACKAGE = "model-package"
_TOKEN = "client-token"  # noqa: S105 - a kind of document
_GROUPS = Listing(
    result="ModelPackageGroupSummaryList",
    name="ModelPackageGroupName",
    fields=(
        "ModelPackageGroupName",
        "ModelPackageGroupArn",
        "ModelPackageGroupDescription",
        "CreationTime",
        "ModelPackageGroupStatus",
    ),
)
_PACKAGES = Listing(
    result="ModelPackageSummaryList",
    name="ModelPackageName",
    fields=(
        "ModelPackageName",
        "ModelPackageGroupName",
        "ModelPackageVersion",
        "ModelPackageArn",
        "ModelPackageDescription",
        "CreationTime",
        "ModelPackageStatus",
        "ModelApprovalStatus",
        "ModelLifeCycle",
    ),
)
_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


class Registry:
    """CreateModelPackageGroup, CreateModelPackage and their relatives."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store
        self._creating = threading.Lock()

    # --- groups

    def create_group(self, request: Document) -> Document:
        """CreateModelPackageGroup."""
        check_request("CreateModelPackageGroup", request)
        name = request["ModelPackageGroupName"]
        arn = self._platform.configuration.arn(_GROUP, name)
        group = described("DescribeModelPackageGroup", request) | {
            "ModelPackageGroupArn": arn,
            "ModelPackageGroupStatus": "Completed",
            "CreationTime": now(),
            "CreatedBy": {},
        }
        try:
            self._store.insert(_GROUP, name, group)
        except AlreadyThereError as error:
            raise ValidationError(f"Model Package Group already exists: {arn}") from error
        self._platform.tags.add(arn, request.get("Tags"))
        return {"ModelPackageGroupArn": arn}

    def describe_group(self, request: Document) -> Document:
        """DescribeModelPackageGroup, by name or ARN."""
        check_request("DescribeModelPackageGroup", request)
        return public(self._group(request["ModelPackageGroupName"]))

    def list_groups(self, request: Document) -> Document:
        """ListModelPackageGroups."""
        check_request("ListModelPackageGroups", request)
        return page(_GROUPS, self._store.all(_GROUP), request)

    def delete_group(self, request: Document) -> Document:
        """DeleteModelPackageGroup; refused while it holds packages."""
        check_request("DeleteModelPackageGroup", request)
        group = self._group(request["ModelPackageGroupName"])
        with self._creating:
            if self._versions(group["ModelPackageGroupName"]):
                raise ConflictError(
                    "Model Package Group cannot be deleted because it still contains Model Packages: "
                    f"{group['ModelPackageGroupArn']}"
                )
            self._store.delete(_GROUP, group["ModelPackageGroupName"])
        self._platform.tags.forget(group["ModelPackageGroupArn"])
        return {}

    # --- packages

    def create_package(self, request: Document) -> Document:
        """CreateModelPackage: the next version of a group, or a package with a name of its own.

        The same ClientToken with the same request gives the same package again.
        """
        check_request("CreateModelPackage", request)
        group_name, package_name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
        if (group_name is None) == (package_name is None):
            raise ValidationError("Exactly one of ModelPackageGroupName and ModelPackageName must be provided.")
        with self._creating:
            known = self._known_token(request)
            if known is not None:
                return {"ModelPackageArn": known}
            package = self._new_package(request, group_name, package_name)
            arn = package["ModelPackageArn"]
            try:
                self._store.insert(_PACKAGE, arn, package)
            except AlreadyThereError as error:
                raise ValidationError(f"Model package already exists: {arn}") from error
            if "ClientToken" in request:
                self._store.put(_TOKEN, request["ClientToken"], {"request": _fingerprint(request), "arn": arn})
            self._platform.tags.add(arn, request.get("Tags"))
        self._tell(package, [])
        return {"ModelPackageArn": arn}

    def describe_package(self, request: Document) -> Document:
        """DescribeModelPackage, by ARN or, without a group, by name."""
        check_request("DescribeModelPackage", request)
        return public(self.package(request["ModelPackageName"]))

    def describe_packages(self, request: Document) -> Document:
        """BatchDescribeModelPackage."""
        check_request("BatchDescribeModelPackage", request)
        found: Document = {}
        errors: Document = {}
        for arn in request["ModelPackageArnList"]:
            try:
                found[arn] = public(self.package(arn))
            except ValidationError as error:
                errors[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
        return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": errors}

    def list_packages(self, request: Document) -> Document:
        """ListModelPackages: of a group, or, when none is named, packages without a group (as in AWS)."""
        check_request("ListModelPackages", request)
        group_name = request.get("ModelPackageGroupName")
        if group_name is not None:
            packages = self._versions(self._group(group_name)["ModelPackageGroupName"])
        else:
            wanted = request.get("ModelPackageType", "Unversioned")
            packages = [
                item
                for item in self._store.all(_PACKAGE)
                if wanted == "Both" or (wanted == "Versioned") == ("ModelPackageGroupName" in item)
            ]
        status = request.get("ModelApprovalStatus")
        return page(
            _PACKAGES,
            [item for item in packages if status is None or item.get("ModelApprovalStatus") == status],
            request,
        )

    def update_package(self, request: Document) -> Document:
        """UpdateModelPackage: what is not named stays as it was; metadata are merged."""
        check_request("UpdateModelPackage", request)
        arn = self.package(request["ModelPackageArn"])["ModelPackageArn"]
        changed = [name for name in _REPLACED if name in request]

        def edit(package: Document) -> None:
            package.update({name: request[name] for name in changed})
            metadata = package.get("CustomerMetadataProperties", {}) | request.get("CustomerMetadataProperties", {})
            for key in request.get("CustomerMetadataPropertiesToRemove", []):
                metadata.pop(key, None)
            if len(metadata) > 50:
                raise ValidationError("CustomerMetadataProperties: a model package holds at most 50.")
            if metadata != package.get("CustomerMetadataProperties", {}):
                package["CustomerMetadataProperties"] = metadata
                changed.append("CustomerMetadataProperties")
            additional = request.get("AdditionalInferenceSpecificationsToAdd")
            if additional:
                package.setdefault("AdditionalInferenceSpecifications", []).extend(additional)
            package["LastModifiedTime"] = now()
            package["LastModifiedBy"] = {}

        package = self._store.change(_PACKAGE, arn, edit)
        self._tell(package, changed)
        return {"ModelPackageArn": arn}

    def delete_package(self, request: Document) -> Document:
        """DeleteModelPackage; its version number is not used again."""
        check_request("DeleteModelPackage", request)
        package = self.package(request["ModelPackageName"])
        self._store.delete(_PACKAGE, package["ModelPackageArn"])
        self._platform.tags.forget(package["ModelPackageArn"])
        return {}

    def package(self, reference: str) -> Document:
        """The package with that ARN (in any case of letters) or name. Raises ValidationError."""
        arn = self._platform.configuration.arn(_PACKAGE, name_from_arn(reference))
        package = self._store.get(_PACKAGE, arn)
        if package is None:
            raise ValidationError(f"ModelPackage {reference} does not exist.")
        return package

    # --- inside

    def _new_package(self, request: Document, group_name: str | None, package_name: str | None) -> Document:
        configuration = self._platform.configuration
        package = described("DescribeModelPackage", request) | {
            "CreationTime": now(),
            "CreatedBy": {},
            "CertifyForMarketplace": request.get("CertifyForMarketplace", False),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        if group_name is None:
            return package | {
                "ModelPackageName": package_name,
                "ModelPackageArn": configuration.arn(_PACKAGE, str(package_name)),
            }
        name = self._group(group_name)["ModelPackageGroupName"]
        version = self._store.next_number(f"{_GROUP}/{name}")
        return package | {
            "ModelPackageGroupName": name,
            "ModelPackageName": f"{name}/{version}",
            "ModelPackageVersion": version,
            "ModelPackageArn": configuration.arn(_PACKAGE, f"{name}/{version}"),
            "ModelApprovalStatus": request.get("ModelApprovalStatus", "PendingManualApproval"),
        }

    def _known_token(self, request: Document) -> str | None:
        known = self._store.get(_TOKEN, request["ClientToken"]) if "ClientToken" in request else None
        if known is None:
            return None
        if known["request"] != _fingerprint(request):
            raise ConflictError("The ClientToken was used before with other parameters.")
        return str(known["arn"])

    def _group(self, reference: str) -> Document:
        name = name_from_arn(reference)
        group = self._store.get(_GROUP, name)
        if group is None:
            arn = self._platform.configuration.arn(_GROUP, name)
            raise ValidationError(f"ModelPackageGroup {arn} does not exist.")
        return group

    def _versions(self, group_name: str) -> list[Document]:
        return [item for item in self._store.all(_PACKAGE) if item.get("ModelPackageGroupName") == group_name]

    def _tell(self, package: Document, changed: list[str]) -> None:
        detail = with_times(public(package), to_iso)
        if changed:
            detail["UpdatedModelPackageFields"] = changed
        self._platform.events.publish("SageMaker Model Package State Change", package["ModelPackageArn"], detail)


def _fingerprint(request: Document) -> str:
    return json.dumps(request, sort_keys=True)
