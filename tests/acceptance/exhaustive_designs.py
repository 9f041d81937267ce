"""Designs of few states in one file, each a module of its own, and a module with one of each beside the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Small:
    """A design in which `PORTS` and `LOAD` stand alone on their lines."""

    template: str
    registers: tuple[tuple[str, int], ...]
    """(name below the top, width) of those that a line of the second form loads, uppermost first."""

    @property
    def name(self) -> str:
        """Name of the module, the last one of the template."""
        return re.findall(r"^module (\w+)", self.template, re.MULTILINE)[-1]

    @property
    def bits(self) -> int:
        """Width of all registers together."""
        return sum(width for _, width in self.registers)

    @property
    def text(self) -> str:
        """The design itself."""
        return self.template.replace("PORTS", "").replace("LOAD", "")

    @property
    def loaded(self) -> str:
        """The design with registers that can be given any value from outside, on the same lines."""
        ports = f", input logic load, input logic [{self.bits - 1}:0] power"
        names = ", ".join(name for name, _ in self.registers)
        return self.template.replace("PORTS", ports).replace("LOAD", f"always @(posedge load) {{{names}}} = power;")

    def power(self, values: Mapping[str, int]) -> int:
        """What loads these values of the registers."""
        whole = 0
        for name, width in self.registers:
            whole = whole << width | values[name]
        return whole


COUNTER = Small(
    """\
module counter(input logic clk, rst_n, go, output logic [2:0] n, output logic bad
  PORTS
);
  logic [1:0] old;
  LOAD
  always @(posedge clk or negedge rst_n)
    if (!rst_n) n <= 3'd1;
    else if (n == 3'd5) n <= 3'd2;
    else if (go) n <= n + 3'd1;
  always @(posedge clk)
    if (go && n[1]) old <= {old[0], n == 3'd3};
    else old <= old == 2'd3 ? 2'd0 : old;
  always_comb begin
    bad = 1'b0;
    if (n == 3'd7) bad = 1'b1;
    if (n == 3'd0 && old == 2'd2) bad = go;
    if (n == 3'd5 && old == 2'd3) bad = 1'b1;
    if (n > 3'd5 || (old == 2'd3 && n < 3'd2)) bad = !go;
  end
endmodule
""",
    (("n", 3), ("old", 2)),
)
"""A register with an asynchronous reset and one without any."""

HANDSHAKE = Small(
    """\
module part(input logic clk, rst, start, output logic busy, output logic done);
  logic [1:0] left;
  assign done = busy && left == 2'd0;
  always @(posedge clk)
    if (rst) begin busy <= 1'b0; left <= 2'd0; end
    else if (start && !busy) begin busy <= 1'b1; left <= 2'd2; end
    else if (done) busy <= 1'b0;
    else if (busy) left <= left - 2'd1;
endmodule
module handshake(input logic clk, rst, start, output logic done, output logic [1:0] odd
  PORTS
);
  part u(.clk, .rst, .start, .busy(), .done);
  LOAD
  always @(posedge clk)
    if (rst) odd <= 2'd0;
    else if (done && !u.busy) odd <= 2'd1;
    else if (u.left == 2'd3) odd <= 2'd3;
    else odd <= start && u.left == 2'd1 ? 2'd2 : odd;
endmodule
""",
    (("u.busy", 1), ("u.left", 2), ("odd", 2)),
)
"""Synchronous resets, and an instance whose signals are read from outside."""

NO_RESET = Small(
    """\
module no_reset(input logic clk, input logic [1:0] a, output logic [1:0] p, q, output logic hit
  PORTS
);
  LOAD
  function automatic logic even(input logic [1:0] x);
    if (x[0]) even = 1'b0;
    else even = 1'b1;
  endfunction
  always @(posedge clk) begin
    p <= a & 2'd2;
    if (even(p)) q <= p ^ {q[0], 1'b0};
    else q <= 2'd3;
  end
  always_comb begin
    hit = 1'b0;
    case ({p, q})
      4'b0101: hit = 1'b1;
      4'b1011: hit = 1'b1;
      4'b1000: hit = a[0];
      default: hit = even(a) && p == 2'd1;
    endcase
  end
endmodule
""",
    (("p", 2), ("q", 2)),
)

INITIAL = Small(
    """\
module initial_values(input logic clk, x, output logic [1:0] s, output logic p, odd
  PORTS
);
  initial s = 2'd1;
  LOAD
  always @(posedge clk) begin
    s <= x ? {s[0], s[1]} : s;
    p <= s == 2'd0 | p;
    odd <= ^s & x;
  end
  wire both = s[0] & s[1];
endmodule
""",
    (("s", 2), ("p", 1), ("odd", 1)),
)
"""What can't happen from power-up alone."""

TWO_CLOCKS = Small(
    """\
module two_clocks(input logic wclk, rclk, rst_n, d, output logic [1:0] w, output logic [1:0] r, output logic odd
  PORTS
);
  LOAD
  always @(posedge wclk or negedge rst_n)
    if (!rst_n) w <= 2'd0;
    else if (d) w <= w == 2'd2 ? 2'd0 : w + 2'd1;
  always @(posedge rclk or negedge rst_n)
    if (!rst_n) r <= 2'd0;
    else r <= w[1] ? w : {1'b0, r[0] ^ d};
  always_comb begin
    odd = 1'b0;
    if (w == 2'd3) odd = 1'b1;
    if (r == 2'd3) odd = d;
    if (r == 2'd2 && w == 2'd1) odd = !d;
  end
endmodule
""",
    (("w", 2), ("r", 2)),
)

BOTH_EDGES = Small(
    """\
module both_edges(input logic clk, rst_n, d, output logic up, down, bad
  PORTS
);
  LOAD
  always @(posedge clk or negedge rst_n)
    if (!rst_n) up <= 1'b0;
    else up <= d;
  always @(negedge clk or negedge rst_n)
    if (!rst_n) down <= 1'b0;
    else down <= up & d;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) bad <= 1'b0;
    else if (down && !up) bad <= 1'b1;
    else bad <= bad & down;
endmodule
""",
    (("up", 1), ("down", 1), ("bad", 1)),
)

DERIVED = Small(
    """\
module derived(input logic clk, rst, en, output logic [1:0] slow, output logic gated, output logic seen
  PORTS
);
  logic half, open;
  LOAD
  always @(posedge clk or posedge rst)
    if (rst) half <= 1'b0;
    else half <= ~half;
  always @(posedge half or posedge rst)
    if (rst) slow <= 2'd0;
    else slow <= slow == 2'd2 ? 2'd0 : slow + 2'd1;
  always_latch if (!clk) open = en;
  always @(posedge (clk & open) or posedge rst)
    if (rst) gated <= 1'b0;
    else gated <= ~gated & half;
  always_comb begin
    seen = 1'b0;
    if (slow == 2'd3) seen = 1'b1;
    if (slow == 2'd2 && gated && !half) seen = 1'b1;
    if (open && clk && rst) seen = en;
  end
endmodule
""",
    (("half", 1), ("slow", 2), ("gated", 1)),
)
"""A divided clock, and one behind a latch."""

PARTS = Small(
    """\
module parts(input logic clk, rst_n, input logic [1:0] a, output logic [2:0] y, output logic any
  PORTS
);
  logic [1:0] keep;
  logic [2:0] carry;
  logic [2:0] lost;
  LOAD
  assign carry[0] = 1'b0;
  genvar g;
  generate
    for (g = 0; g < 2; g = g + 1) begin : chain
      assign carry[g + 1] = (a[g] & keep[g]) | carry[g] & (a[g] | keep[g]);
      always @(posedge clk or negedge rst_n)
        if (!rst_n) keep[g] <= 1'b0;
        else keep[g] <= a[g] & ~carry[0];
    end
  endgenerate
  always @(posedge clk or negedge rst_n)
    if (!rst_n) lost <= 3'd0;
  always_comb begin
    any = 1'b0;
    for (int k = 0; k < 3; k++) if (carry[k] && !lost[k]) any = 1'b1;
    y = carry | lost;
    if (y == 3'd7) y = 3'd0;
    else if (carry[0]) y = 3'd1;
    else if (carry == 3'd4 && keep == 2'd0) y = 3'd2;
  end
endmodule
""",
    (("keep", 2), ("lost", 3)),
)
"""A chain of carries in one vector, and a register that is only reset."""

ALL = {small.name: small for small in (COUNTER, HANDSHAKE, NO_RESET, INITIAL, TWO_CLOCKS, BOTH_EDGES, DERIVED, PARTS)}


def together(inputs: Mapping[str, Mapping[str, int]]) -> str:
    """Module `all` with an instance `u_NAME` of each, driven by ports `NAME_INPUT`; takes the inputs and widths of each."""
    ports = [f"input logic [{width - 1}:0] {name}_{port}" for name, group in inputs.items() for port, width in group.items()]
    lines = [f"module all({', '.join(ports)});"]
    for name, group in inputs.items():
        pins = ", ".join(f".{port}({name}_{port})" for port in group)
        lines.append(f"  {name} u_{name}({pins});")
    return "\n".join([*lines, "endmodule", ""])
