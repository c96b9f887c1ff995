"""Read a JSON document into a schema."""

from pydantic import BaseModel, ValidationError

from bellwether.shared.domain.errors import InvalidInputError


def parse_document[R: BaseModel](schema: type[R], content: bytes, file_name: str) -> R:
    """Read one of the job's JSON files; raises InvalidInputError that names file and field."""
    try:
        return schema.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " ".join([file_name, *(str(part) for part in first["loc"])])
        raise InvalidInputError(first["msg"], field=where) from error
