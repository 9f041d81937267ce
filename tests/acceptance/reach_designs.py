"""Small designs in which a line marked `dead` can't be executed and one marked `alive` can; each in one file, top `top`."""

from __future__ import annotations

COUNTERS = """\
module top(input clk, input rst_n, input srst, input en, output reg [3:0] a, output reg [3:0] b, output reg hi);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) a <= 4'd0;
    else if (en) a <= a == 4'd9 ? 4'd0 : a + 4'd1;
  always @(posedge clk)
    if (srst) b <= 4'd3;
    else if (b == 4'd12) b <= 4'd3;
    else b <= b + 4'd1;
  always @* begin
    hi = 1'b0;
    if (a > 4'd9)
      hi = 1'b1;  // dead
    if (a == 4'd9)
      hi = en;  // alive
    if (b == 4'd13)
      hi = 1'b1;  // dead
    if (b == 4'd12)
      hi = !en;  // alive
    if (b == 4'd1)
      hi = 1'b1;  // open
  end
endmodule
"""
"""`b` is below 3 only from power-up: that is reachable for the reference, so it must not be proved."""

MACHINE = """\
module top(input logic clk, input logic rst, input logic go, output logic [2:0] hot, output logic [1:0] state, output logic bad);
  always_ff @(posedge clk or posedge rst)
    if (rst) state <= 2'd0;
    else
      case (state)
        2'd0: if (go) state <= 2'd1;
        2'd1: state <= 2'd2;
        2'd2: state <= 2'd0;
        default:
          state <= 2'd0;  // dead
      endcase
  always_ff @(posedge clk or posedge rst)
    if (rst) hot <= 3'b001;
    else hot <= {hot[1:0], hot[2]};
  always_comb begin
    bad = 1'b0;
    if (hot == 3'b011)
      bad = 1'b1;  // dead
    if (hot == 3'b000)
      bad = go;  // alive
    if (state == 2'd2 && go)
      bad = !bad;  // alive
  end
endmodule
"""
"""An asynchronous reset that is active from the start has no edge: `hot` is 0 until the first clock edge."""

MACHINE_LEAVES = MACHINE.replace("2'd1: state <= 2'd2;", "2'd1: state <= go ? 2'd3 : 2'd2;").replace(
    "state <= 2'd0;  // dead", "state <= 2'd0;  // alive"
)

TRANSIENT_RESET = """\
module top(input clk, input rst_n, input d, output reg q, output reg seen);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) q <= 1'b0;
    else q <= d;
  always @* begin
    seen = 1'b0;
    if (!rst_n && q)
      seen = 1'b1;  // alive
    if (!rst_n && q && !q)
      seen = 1'b1;  // dead
  end
endmodule
"""
"""Logic sees a new reset together with the old register once before the register is cleared."""

TWO_CLOCKS = """\
module top(input wclk, input rclk, input rst_n, input [1:0] d, output reg [1:0] w, output reg [1:0] r, output reg odd);
  always @(posedge wclk or negedge rst_n)
    if (!rst_n) w <= 2'd0;
    else w <= d == 2'd3 ? 2'd0 : d;
  always @(negedge rclk or negedge rst_n)
    if (!rst_n) r <= 2'd0;
    else r <= w;
  always @* begin
    odd = 1'b0;
    if (r == 2'd3)
      odd = 1'b1;  // dead
    if (r == 2'd2 && w == 2'd1)
      odd = 1'b1;  // alive
  end
endmodule
"""

DERIVED_CLOCK = """\
module top(input clk, input rst_n, input d, output reg div, output reg late, output reg [1:0] n, output reg [1:0] taken, output reg odd);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      div <= 1'b0;
      n <= 2'd0;
    end else begin
      div <= !div;
      n <= div ? 2'd0 : 2'd1;
    end
  always @(posedge div or negedge rst_n)
    if (!rst_n) taken <= 2'd0;
    else taken <= n;
  always @(posedge clk) late <= d;
  always @* begin
    odd = 1'b0;
    if (taken == 2'd1)
      odd = late;  // alive
    if (taken == 2'd2)
      odd = 1'b1;  // dead
  end
endmodule
"""
"""`taken` samples what the same edge of `clk` gave to `n`, as `div` rises after it."""

GATED_CLOCK = """\
module top(input clk, input en, input rst_n, input d, output reg q, output reg on, output reg odd);
  wire gclk = clk & on;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) on <= 1'b0;
    else on <= en;
  always @(posedge gclk or negedge rst_n)
    if (!rst_n) q <= 1'b0;
    else q <= d;
  always @* begin
    odd = 1'b0;
    if (q && !on)
      odd = 1'b1;  // alive
    if (gclk && !clk)
      odd = 1'b1;  // dead
  end
endmodule
"""

LATCH = """\
module top(input clk, input open, input [1:0] d, output reg [1:0] q, output reg odd);
  reg [1:0] kept;
  always_latch if (open) kept = d == 2'd3 ? 2'd0 : d;
  always @(posedge clk) q <= kept;
  always @* begin
    odd = 1'b0;
    if (kept == 2'd3)
      odd = 1'b1;  // dead
    if (kept == 2'd2 && !open)
      odd = 1'b1;  // alive
  end
endmodule
"""

CASES = """\
module top(input logic [2:0] s, input logic [3:0] d, output logic [3:0] y, output logic [3:0] z, output logic odd);
  always_comb begin
    y = 4'bxxxx;
    casez (s)
      3'b1??: y = 4'd1;
      3'b?1?: y = 4'd2;
      3'b??1: y = 4'd4;
      default: y = 4'bxxxx;
    endcase
    case (s[1:0])
      2'd0: z = 4'd0;
      2'd1: z = 4'd1;
      2'd2: z = 4'd2;
      2'd3: z = 4'd3;
      default:
        z = 4'd4;  // dead
    endcase
    odd = 1'b0;
    if (y == 4'd2)
      odd = 1'b1;  // alive
    if (s == 3'b110 && y == 4'd1)
      odd = 1'b1;  // alive
    if (z == 4'd9)
      odd = 1'b1;  // dead
  end
endmodule
"""
"""More than one item may match; the first wins."""

RANGES = """\
module top(input logic clk, input logic [2:0] i, input logic [2:0] v, output logic [2:0] r, output logic p, output logic odd);
  logic [2:0] mem [0:4];
  logic [4:0] bits;
  logic [4:0] word;
  always_ff @(posedge clk) mem[i] <= v;
  always_ff @(posedge clk) bits[i] <= v[0];
  assign r = mem[i];
  assign p = bits[i];
  always_comb begin
    word = 5'd0;
    word[i] = 1'b1;
    odd = 1'b0;
    if (word == 5'd0)
      odd = 1'b1;  // alive
    if (word == 5'd3)
      odd = 1'b1;  // dead
    if (mem[0] == 3'd7)
      odd = 1'b1;  // alive
    if (v[0] && !v[0])
      odd = 1'b1;  // dead
  end
endmodule
"""

WIDE_INDEX = """\
module top(input logic clk, input logic [4:0] i, output logic [3:0] low, output logic [7:0] word, output logic odd);
  logic [3:0] mem [0:3];
  always_ff @(posedge clk) if (i >= 5'd8) mem[i] <= 4'd5;
  always_ff @(posedge clk) if (i > 5'd15) low[i] <= 1'b1;
  always_comb begin
    word = 8'd0;
    if (i > 5'd8) word[i] = 1'b1;
    odd = 1'b0;
    if (word == 8'd2)
      odd = 1'b1;  // open
    if (mem[1] == 4'd5)
      odd = 1'b1;  // open
    if (low == 4'd3)
      odd = 1'b1;  // open
    if (word == 8'd3)
      odd = 1'b1;  // dead
  end
endmodule
"""
"""Verilator cuts an index that is too wide, so what looks like a write outside of the range is one inside."""

ARITHMETIC = """\
module top(input logic [3:0] a, input logic [3:0] b, output logic [3:0] q, output logic [3:0] r, output logic odd);
  assign q = a / b;
  assign r = a % b;
  always_comb begin
    odd = 1'b0;
    if (b == 4'd0 && q == 4'd0)
      odd = 1'b1;  // alive
    if (b == 4'd3 && q == 4'd6)
      odd = 1'b1;  // dead
    if (b == 4'd3 && r == 4'd2)
      odd = 1'b1;  // alive
    if (b != 4'd0 && r >= b)
      odd = 1'b1;  // dead
  end
endmodule
"""

STICKY = """\
module top(input clk, input rst, input hit, output reg flag, output reg [3:0] shift, output reg odd);
  reg was;
  always @(posedge clk)
    if (rst) flag <= 1'b0;
    else if (hit) flag <= 1'b1;
  always @(posedge clk) begin
    shift <= {shift[2:0], flag};
    was <= flag & !rst;
  end
  always @* begin
    odd = 1'b0;
    if (shift == 4'b0111)
      odd = 1'b1;  // alive
    if (was && !flag && !shift[0])
      odd = 1'b1;  // dead
  end
endmodule
"""

NO_RESET = """\
module top(input clk, input d, output reg a, output reg b, output reg [2:0] n, output reg odd);
  always @(posedge clk) begin
    a <= d;
    b <= d;
    n <= n == 3'd5 ? 3'd0 : n + 3'd1;
  end
  always @* begin
    odd = 1'b0;
    if (a != b)
      odd = 1'b1;  // dead
    if (n == 3'd6)
      odd = 1'b1;  // dead
    if (n == 3'd5)
      odd = 1'b1;  // alive
  end
endmodule
"""

BLOCKING_RACE = """\
module top(input clk, input rst_n, input d, output reg a, output reg b, output reg c, output reg odd);
  always @(posedge clk or negedge rst_n)
    if (!rst_n) a = 1'b0;
    else a = d;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) b <= 1'b0;
    else b <= a;
  always @(posedge clk or negedge rst_n)
    if (!rst_n) c <= 1'b0;
    else c <= d;
  always @* begin
    odd = 1'b0;
    if (b != c)
      odd = 1'b1;  // open
    if (a && !a)
      odd = 1'b1;  // dead
  end
endmodule
"""
"""`b` takes the old or the new `a`: the simulator decides."""

STALE_BLOCKS = """\
module top(input [1:0] i, input x, output reg once, output reg [1:0] part, output reg [1:0] slow, output reg odd);
  always @* once = 1'b1;
  always @(i) part = i ^ {2{x}};
  always @* slow <= i;
  always @* begin
    odd = 1'b0;
    if (!once)
      odd = 1'b1;  // open
    if (part == (i ^ {2{!x}}))
      odd = 1'b1;  // alive
    if (slow != i)
      odd = 1'b1;  // open
  end
endmodule
"""

CIRCLE = """\
module top(input x, input y, output reg a, output reg b, output wire c, output wire [2:0] v, output reg odd);
  assign c = !a;
  assign v[0] = x;
  assign v[1] = !v[0];
  assign v[2] = v[1] & y;
  always @* begin
    a = x;
    b = c & y;
    odd = 1'b0;
    if (c == x)
      odd = 1'b1;  // open
    if (v[1] == x)
      odd = y;  // open
    if (x && !x)
      odd = 1'b1;  // dead
  end
endmodule
"""
"""The block depends on itself through `c`, so it may be run with an old value of it."""

INSTANCES = """\
module cell4 #(parameter LIMIT = 3, parameter WITH = 0)
  (input logic clk, input logic rst, input logic en, output logic [3:0] n, output logic top_hit);
  always_ff @(posedge clk)
    if (rst) n <= 4'd0;
    else if (en) n <= n == LIMIT ? 4'd0 : n + 4'd1;
  always_comb begin
    top_hit = 1'b0;
    if (n == 4'd5)
      top_hit = 1'b1;  // alive
    if (n == 4'd8)
      top_hit = 1'b1;  // dead
    if (WITH != 0)
      top_hit = en;  // dead
  end
endmodule
module top(input logic clk, input logic rst, input logic [1:0] en, output logic [3:0] n0, n1, output logic h0, h1);
  cell4 #(.LIMIT(3)) u_small (.clk, .rst, .en(en[0]), .n(n0), .top_hit(h0));
  cell4 #(.LIMIT(6)) u_large (.clk, .rst, .en(en[1]), .n(n1), .top_hit(h1));
endmodule
"""

CALLS = """\
module top(input logic [3:0] a, output logic [3:0] y, output logic odd);
  function automatic logic [3:0] limited(input logic [3:0] v);
    if (v > 4'd9)
      return 4'd9;
    return v;
  endfunction
  always_comb begin
    y = limited(a & 4'd7) + limited(4'd12);
    odd = 1'b0;
    for (int i = 0; i < 4; i++)
      if (a[i] && !a[i])
        odd = 1'b1;  // dead
  end
endmodule
"""
"""Only a call with a constant argument reaches the first `return`."""

ALL = {name: text for name, text in vars().items() if name.isupper() and isinstance(text, str)}
