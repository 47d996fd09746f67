"""Settings of launches that cannot work are refused at the start."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from cds.service import Settings
from cds.service.hooks.settings import HooksSettings
from cds.service.settings import SmartApp, shown

EHR = "https://ehr.example/fhir"
APP = SmartApp(server=EHR, client_id="board")


def test_an_app_is_for_a_listed_server() -> None:
    with pytest.raises(ValidationError, match="list that server in fhir_servers"):
        Settings(smart_apps=(APP,))
    with pytest.raises(ValidationError, match="one server of its own"):
        Settings(smart_apps=(APP, APP), fhir_servers=(EHR,))
    assert Settings(smart_apps=(APP,), fhir_servers=(f"{EHR}/",)).smart_apps == (APP,)


def test_several_workers_need_one_key_in_common() -> None:
    with pytest.raises(ValidationError, match="session_key"):
        Settings(smart_apps=(APP,), fhir_servers=(EHR,), workers=2)
    assert Settings(smart_apps=(APP,), fhir_servers=(EHR,), workers=2, session_key=SecretStr("k" * 32)).workers == 2
    with pytest.raises(ValidationError, match="shorter than 16"):
        Settings(session_key=SecretStr("short"))


def test_no_secret_is_shown() -> None:
    app = SmartApp(server=EHR, client_id="board", client_secret=SecretStr("hush-hush"))
    told = shown(Settings(smart_apps=(app,), fhir_servers=(EHR,), session_key=SecretStr("k-" * 20)))
    assert "hush" not in str(told)
    assert "k-k" not in str(told)


def test_cards_name_the_own_launch_unless_told_another() -> None:
    usual = Settings(smart_apps=(APP,), fhir_servers=(EHR,), public_url="https://cds.example")
    assert HooksSettings.of(usual).smart_launch == "https://cds.example/smart/launch"
    other = usual.model_copy(update={"smart_launch": "https://board.example/launch"})
    assert HooksSettings.of(other).smart_launch == "https://board.example/launch"
    assert HooksSettings.of(Settings()).smart_launch is None
