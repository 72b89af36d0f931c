"""Terraform's files: form, validity, a plan; what moto's server supports made and destroyed, the state in a locked bucket."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reactal.errors import CredentialsRejected
from reactal.store.opening import open_store
from tests.infra.programs import INFRA, ran, said
from tests.store.s3_servers import ACCESS, SECRET, S3Server, moto_server

pytestmark = pytest.mark.timeout(1800)

AWS = INFRA / "terraform" / "aws"
SERVICES = "s3 kms sts iam ec2 ecr eks rds sns budgets cloudwatch logs".split()
PLUGINS = ("~/.terraform.d/plugins", "/usr/share/terraform/plugins", "/usr/local/share/terraform/plugins")


def plugins() -> Path:
    """The folder with the AWS provider on this machine; skips where there is none."""
    roots = [Path(place).expanduser() for place in (os.environ.get("TF_PLUGINS", ""), *PLUGINS) if place]
    roots += [place.parent for place in Path("/opt").glob("*/registry.terraform.io")]
    for root in roots:
        if list(root.glob("registry.terraform.io/hashicorp/aws/*/*/terraform-provider-aws*")):
            return root
    pytest.skip(
        "terraform's provider hashicorp/aws is not on this machine: `terraform providers mirror FOLDER` and TF_PLUGINS=FOLDER"
    )


@pytest.fixture
def server() -> Iterator[S3Server]:
    with moto_server() as one:
        yield one


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files where nothing that terraform writes stays."""
    return Path(shutil.copytree(AWS, tmp_path / "aws", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*")))


def provider(server: S3Server) -> str:
    """AWS's provider, talking to a server of this machine."""
    places = "\n".join(f'    {name} = "{server.endpoint}"' for name in SERVICES)
    return f"""
provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "{ACCESS}"
  secret_key                  = "{SECRET}"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {{
{places}
  }}
}}
"""


def terraform(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> str:
    return said(
        "terraform", *arguments, folder=folder, environ={"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **(environ or {})}
    )


def begun(folder: Path, *more: str) -> None:
    terraform(folder, "init", "-input=false", "-no-color", f"-plugin-dir={plugins()}", *more)


def test_everything_is_formatted() -> None:
    terraform(AWS, "fmt", "-check", "-recursive", "-no-color")


@pytest.mark.parametrize("root", ["examples/campaign", "state"])
def test_it_is_valid(copy: Path, root: str) -> None:
    begun(copy / root, "-backend=false")
    assert "valid" in terraform(copy / root, "validate", "-no-color")


def test_every_variable_and_output_is_explained() -> None:
    for file in [*AWS.rglob("variables.tf"), *AWS.rglob("outputs.tf")]:
        blocks = re.findall(r'^(?:variable|output) "\w+" \{\n(.*?)^\}', file.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert blocks and all("description" in block for block in blocks), file


@pytest.mark.server
def test_the_whole_of_it_can_be_planned(copy: Path, server: S3Server) -> None:
    root = copy / "examples" / "campaign"
    (root / "here_override.tf").write_text(provider(server) + 'terraform {\n  backend "local" {}\n}\n')
    begun(root)
    terraform(root, "plan", "-input=false", "-no-color", "-var=bucket=reactal-plan", "-out=plan")
    planned = json.loads(terraform(root, "show", "-json", "plan").splitlines()[-1])["resource_changes"]
    kinds: dict[str, int] = {}
    for one in planned:
        kinds[one["type"]] = kinds.get(one["type"], 0) + ("create" in one["change"]["actions"])
    wanted = {"aws_s3_bucket": 1, "aws_eks_cluster": 1, "aws_eks_node_group": 3, "aws_db_instance": 1, "aws_budgets_budget": 1}
    wanted |= {"aws_ecr_repository": 3, "aws_eks_pod_identity_association": 4, "aws_cloudwatch_metric_alarm": 2}
    wanted |= {"aws_launch_template": 3, "aws_eks_addon": 5}
    assert {kind: kinds.get(kind) for kind in wanted} == wanted
    groups = {
        one["change"]["after"]["node_group_name"]: one["change"]["after"]
        for one in planned
        if one["type"] == "aws_eks_node_group"
    }
    assert {name: group["capacity_type"] for name, group in groups.items()} == {
        "small": "ON_DEMAND",
        "spot": "SPOT",
        "gpu": "SPOT",
    }


MADE = """
terraform {{
  required_version = ">= 1.10"
  backend "s3" {{
    bucket                      = "{state}"
    key                         = "made.tfstate"
    region                      = "us-east-1"
    access_key                  = "{access}"
    secret_key                  = "{secret}"
    endpoints                   = {{ s3 = "{endpoint}" }}
    use_lockfile                = true
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
    skip_region_validation      = true
    skip_s3_checksum            = true
  }}
}}
module "store" {{
  source        = "../modules/store"
  name          = "reactal-made"
  campaigns     = ["sn2"]
  force_destroy = true
}}
module "registry" {{
  source        = "../modules/registry"
  name          = "reactal"
  key_arn       = module.store.key_arn
  force_destroy = true
}}
output "url" {{
  value = module.store.url
}}
"""


@pytest.mark.server
def test_store_and_registry_are_made_as_asked_locked_and_destroyed(
    copy: Path, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = server.client()
    client.create_bucket(Bucket="state")
    root = copy / "made"
    root.mkdir()
    text = MADE.format(state="state", access=ACCESS, secret=SECRET, endpoint=server.endpoint)
    (root / "main.tf").write_text(text + provider(server))
    begun(root)
    terraform(root, "apply", "-auto-approve", "-input=false", "-no-color")
    assert {one["Key"] for one in client.list_objects_v2(Bucket="state")["Contents"]} == {"made.tfstate"}, "a lock is left"
    assert_kept_well(client)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    url = terraform(root, "output", "-raw", "url").splitlines()[-1]
    with pytest.raises(CredentialsRejected, match="403"):  # this server speaks plain HTTP, which the bucket's policy refuses
        open_store(f"{url}?endpoint={server.endpoint}&region=us-east-1").put("labels/a", b"1")
    client.put_object(Bucket="state", Key="made.tfstate.tflock", Body=b'{"ID": "of another"}')
    refused = ran("terraform", ["apply", "-auto-approve", "-input=false", "-no-color", "-lock-timeout=0s"], folder=root)
    assert refused.returncode != 0 and "lock" in refused.stdout.lower()
    client.delete_object(Bucket="state", Key="made.tfstate.tflock")
    terraform(root, "destroy", "-auto-approve", "-input=false", "-no-color")
    assert "reactal-made" not in {one["Name"] for one in client.list_buckets()["Buckets"]}


def assert_kept_well(client: Any) -> None:
    """The bucket as the issue asks for it."""
    bucket = {"Bucket": "reactal-made"}
    assert client.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    (rule,) = client.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert all(client.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"].values())
    (statement,) = json.loads(client.get_bucket_policy(**bucket)["Policy"])["Statement"]
    assert statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    rules = {one["ID"]: one for one in client.get_bucket_lifecycle_configuration(**bucket)["Rules"]}
    assert rules["stale-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 3}
    assert rules["checkpoints-sn2"]["Filter"]["Prefix"] == "campaigns/sn2/checkpoints/"


def test_the_policy_scan_finds_nothing(tmp_path: Path) -> None:
    """checkov; what it is told to pass over says why beside it."""
    told = ["--directory", str(AWS), "--framework", "terraform", "--compact", "--quiet", "--skip-download"]
    ran("checkov", [*told, "--output", "json", "--output-file-path", str(tmp_path)])
    report = json.loads((tmp_path / "results_json.json").read_text())
    failed = [f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in report["results"]["failed_checks"]]
    assert report["summary"]["passed"] > 50
    assert failed == []


def test_roles_name_what_they_may_do() -> None:
    """Nobody may do everything, and nobody may take a label away."""
    roles = (AWS / "modules" / "roles" / "main.tf").read_text()
    assert '"s3:*"' not in roles and "DeleteObjectVersion" not in roles
    removable = re.findall(r"delete\s*=\s*\[(.*?)\]", roles)
    assert len(removable) == 3
    assert not any(
        word.startswith(("labels", "datasets", "campaigns/*/journal", "*"))
        for line in removable
        for word in re.findall(r'"([^"]+)"', line)
    )
