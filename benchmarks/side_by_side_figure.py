"""Draw docs/side-by-side.svg from benchmarks/side_by_side.json.

python -m benchmarks.side_by_side_figure
"""

from __future__ import annotations

import json
from pathlib import Path

import altair as alt


def main() -> None:
    """Ratios by batch size, a line a contestant, with the range over the rounds."""
    table = json.loads(Path(__file__).with_name("side_by_side.json").read_text())["table"]
    rows = [
        row
        for row in table
        if row["batch_sizes"].replace(",", "").isdigit() and row["contestant"] != "batchscope"
    ]
    order = list(dict.fromkeys(row["batch_sizes"] for row in rows))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("batch_sizes:O", sort=order, title="batch size", axis=alt.Axis(labelAngle=0)),
        color=alt.Color("contestant:N", title=None, legend=alt.Legend(orient="top")),
    )
    scale = alt.Scale(type="log", domain=[0.5, 1000])
    lines = base.mark_line(point=True).encode(
        y=alt.Y("ratio:Q", scale=scale, title="seconds, times batchscope’s")
    )
    ranges = base.mark_rule().encode(y=alt.Y("lowest:Q", scale=scale), y2="highest:Q")
    equal = (
        alt
        .Chart(alt.Data(values=[{"y": 1}]))
        .mark_rule(strokeDash=[4, 4], color="#888")
        .encode(y=alt.Y("y:Q", scale=scale))
    )
    path = Path(__file__).parents[1] / "docs" / "side-by-side.svg"
    (equal + ranges + lines).properties(width=480, height=280).save(path)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
