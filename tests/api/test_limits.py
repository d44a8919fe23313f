"""A token that asks too often is told so, and when to come again."""

from pathlib import Path

from served import populate, serving


def test_a_token_that_asks_too_often_is_told_so_and_another_is_not(tmp_path: Path) -> None:
    database = str(tmp_path / "desk.db")
    populate(database)
    with (
        serving(database, tmp_path, "[api]\nrequests_per_second = 5\n") as desk,
        desk.asking("read") as eager,
        desk.asking("read") as other,
    ):
        answers = [eager.get("/v1/policies") for _ in range(30)]
        late = [one for one in answers if one.status_code == 429]
        assert 5 <= len(answers) - len(late) < 30
        assert late[0].json()["error"]["code"] == "TOO_FAST"
        assert int(late[0].headers["Retry-After"]) >= 1
        assert other.get("/v1/policies").status_code == 200
