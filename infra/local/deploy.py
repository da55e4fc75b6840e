"""Deploys template.yaml to the local AWS: host-built binaries as `bootstrap`, then CloudFormation.

The template is deployed as it stands; the only thing replaced is where each function's code
lies, which is what `sam package` does too.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
import zipfile
from pathlib import Path

from samtranslator.yaml_helper import yaml_parse

from infra.local.processes import StartError

BUCKET = "ponte-artifacts"


def deploy(clients, stack: str, template: Path, binaries: Path, parameters: dict[str, str], marker: Path) -> dict[str, str]:
    """Creates or updates the stack and returns its outputs.

    `marker` remembers what was deployed: an unchanged template with unchanged binaries is left
    alone, which makes a second start quick.
    """
    body = yaml_parse(template.read_text())
    bundles = _stage(body, binaries)
    wanted = json.dumps(
        {"template": hashlib.sha256(template.read_bytes()).hexdigest(), "code": sorted(bundles), "parameters": parameters},
        sort_keys=True,
    )
    status = _status(clients, stack)
    if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") and marker.exists() and marker.read_text() == wanted:
        return outputs(clients, stack)

    s3 = clients("s3")
    s3.create_bucket(Bucket=BUCKET)
    for key, bundle in bundles.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=bundle)
    # By address, as SAM does: a template sent inline may hold 51,200 bytes only.
    s3.put_object(Bucket=BUCKET, Key="template.json", Body=json.dumps(body).encode())
    request = {
        "StackName": stack,
        "TemplateURL": f"{s3.meta.endpoint_url}/{BUCKET}/template.json",
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    }
    cloudformation = clients("cloudformation")
    if status is None:
        cloudformation.create_stack(**request)
    else:
        cloudformation.update_stack(**request)
    _wait(clients, stack)
    marker.write_text(wanted)
    return outputs(clients, stack)


def outputs(clients, stack: str) -> dict[str, str]:
    """The stack's outputs by name."""
    found = clients("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}


def _stage(body: dict, binaries: Path) -> dict[str, bytes]:
    """Zips each function's binary and points the template at it; key in the bucket -> zip."""
    bundles: dict[str, bytes] = {}
    body["Globals"]["Function"].pop("CodeUri", None)
    for resource in body["Resources"].values():
        if resource["Type"] != "AWS::Serverless::Function":
            continue
        name = resource["Metadata"]["BuildProperties"]["Binary"]
        binary = binaries / name
        if not binary.is_file():
            raise StartError(f"Falta o binário {binary}; compile com: cargo build --profile local")
        content = binary.read_bytes()
        key = f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.zip"
        bundles[key] = _zip(content)
        resource["Properties"]["CodeUri"] = {"Bucket": BUCKET, "Key": key}
    return bundles


def _zip(bootstrap: bytes) -> bytes:
    entry = zipfile.ZipInfo("bootstrap", date_time=(2020, 1, 1, 0, 0, 0))
    entry.external_attr = 0o755 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, bootstrap, compresslevel=1)
    return buffer.getvalue()


def _status(clients, stack: str) -> str | None:
    cloudformation = clients("cloudformation")
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except cloudformation.exceptions.ClientError:
        return None


def _wait(clients, stack: str, timeout_seconds: float = 120) -> None:
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        status = _status(clients, stack) or "?"
        if status.endswith("_COMPLETE") and "ROLLBACK" not in status:
            return
        if not status.endswith("IN_PROGRESS"):
            events = clients("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
            reasons = [
                f"  {e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}"
                for e in events
                if "FAILED" in e["ResourceStatus"]
            ]
            raise StartError(f"A implantação de {stack} terminou em {status}:\n" + "\n".join(reasons))
        time.sleep(0.2)
    raise StartError(f"A implantação de {stack} não terminou em {timeout_seconds:.0f} s")
