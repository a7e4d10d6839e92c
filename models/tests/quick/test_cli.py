"""The command line: every subcommand explains itself, and what cannot be used is said in one line."""

import pytest

from housestyle_models.cli import main

COMMANDS = ("data", "train", "export", "import", "verify")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: housestyle-models {command}")


def test_help_lists_every_subcommand(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"    {command} " in said for command in COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train", "wings"], ["export", "--fixture", "--evaluator-only"]])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: housestyle-models" in capsys.readouterr().err


def test_an_option_of_another_part_is_refused_before_anything_is_loaded(capsys):
    assert main(["train", "unet", "--freeze-text"]) == 2
    assert "--freeze-text is for clip" in capsys.readouterr().err


def test_a_package_that_is_not_installed_is_named_with_its_extra(monkeypatch, capsys):
    def missing(given):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("housestyle_models.cli._train", missing)
    assert main(["train", "unet"]) == 4
    said = capsys.readouterr().err
    assert "torch is not installed" in said and ".[train]" in said
