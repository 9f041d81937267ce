"""Emacs itself with eglot, in batch mode, with the snippet of docs/editors.md as its only configuration."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import WEAK_TESTBENCH, Project
from tests.e2e.driven import home, snippets, told, whatever_the_load

EMACS = shutil.which("emacs") or "emacs"
pytestmark = pytest.mark.acceptance


DRIVER = """
(require 'json)
(defvar asked nil "What a person was asked.")
;; What a person answers, and what Emacs does by itself between two commands.
(advice-add 'y-or-n-p :override (lambda (prompt) (push prompt asked) t))
(defun wait-for (what timeout)
  (let ((ends (+ (float-time) timeout)) found)
    (while (not (or (setq found (funcall what)) (> (float-time) ends)))
      (accept-process-output nil 0.05)
      (run-hooks 'post-command-hook))
    (or found (error "It did not come in time: %S" what))))
(defun tell (answer)
  (with-temp-file (getenv "ANSWER") (insert (json-encode answer))))
(condition-case trouble
    (with-current-buffer (find-file-noselect (getenv "DESIGN"))
      (switch-to-buffer (current-buffer))
      (run-hooks 'post-command-hook)
      (wait-for #'eglot-managed-p 60)
      ;; SCRIPT
      (eglot-shutdown (eglot-current-server) nil 20))
  (error (tell `((trouble . ,(format "%S" trouble))))))
"""


def _run(project: Project, tmp_path: Path, script: str) -> dict[str, Any]:
    """Open the design in Emacs, run a script that tells an answer, and give that."""
    whatever_the_load(project.folder)
    (tmp_path / "init.el").write_text(snippets("elisp")[0])
    (tmp_path / "drive.el").write_text(DRIVER.replace(";; SCRIPT", script))
    answer = tmp_path / "answer.json"
    # Batch mode leaves out what an ordinary start does before it reads the user's file: making installed packages known.
    command = [EMACS, "--batch", "--eval", "(package-activate-all)", "-l", str(tmp_path / "init.el"), "-l", str(tmp_path / "drive.el")]
    found, _ = told(command, answer, home(tmp_path) | {"ANSWER": str(answer), "DESIGN": str(project.file)}, project.folder)
    return found


def test_emacs_shows_the_holes_of_a_file(project: Project, tmp_path: Path) -> None:
    project.testbench.write_text(WEAK_TESTBENCH)
    answer = _run(
        project,
        tmp_path,
        """
      (wait-for #'flymake-diagnostics 400)
      (tell `((diagnostics . ,(vconcat (mapcar (lambda (one) (flymake-diagnostic-text one)) (flymake-diagnostics))))
              (servers . ,(eglot--server-info (eglot-current-server)))))
""",
    )
    found = answer["diagnostics"]
    assert found
    assert any("[not hit in " in one for one in found)
    assert len(set(found)) == len(found), "a hole is reported twice"


def test_emacs_applies_generate_as_an_unsaved_buffer(project: Project, tmp_path: Path) -> None:
    # Longer than the ten seconds that eglot by itself waits for a command.
    (project.folder / "llm4cov.toml").write_text("[generate]\nbudgetSeconds = 20\n")
    answer = _run(
        project,
        tmp_path,
        """
      (goto-char (point-min))
      (re-search-forward "^module ")
      (let ((last-nonmenu-event ?x) (began (float-time)) titles)
        (cl-letf (((symbol-function 'completing-read)
                   (lambda (_prompt items &rest _)
                     (setq titles (mapcar #'car items))
                     (seq-find (lambda (title) (string-prefix-p "Generate high-coverage testbench" title)) titles))))
          (call-interactively #'eglot-code-actions))
        (let* ((stood-still (- (float-time) began))
               (bench (wait-for (lambda ()
                                  (seq-find (lambda (one) (and (equal (buffer-name one) "tb_traffic_light.sv") (> (buffer-size one) 100)))
                                            (buffer-list)))
                                400)))
          (tell `((titles . ,(vconcat titles)) (stood_still_s . ,stood-still) (asked . ,(vconcat asked))
                  (took_s . ,(- (float-time) began))
                  (modified . ,(buffer-modified-p bench))
                  (text . ,(with-current-buffer bench (buffer-substring-no-properties (point-min) (point-max))))))))
""",
    )
    assert "Generate high-coverage testbench for traffic_light" in answer["titles"]
    (asked,) = answer["asked"]
    assert "tb_traffic_light.sv" in asked
    assert answer["modified"] is True and not project.testbench.exists()
    assert "module tb_traffic_light;" in answer["text"] and "\nendmodule" in answer["text"]
    # A person can go on working meanwhile.
    assert answer["stood_still_s"] < answer["took_s"] / 2
