// Written to be hard to instrument, not to do anything: one-line chains, parameterisations, generate blocks, packed types, macros.
`define BOTH(a, b) ((a) && (b))
package pk; typedef enum logic [1:0] {IDLE, RUN, STOP} st_t; localparam int LIM = 3; endpackage
module leaf #(parameter int W = 4, parameter logic [W-1:0] MAGIC = 5) (
    input clk, input rst_n, input [W-1:0] a, input [8:1] off, input [0:3] asc,
    output reg z, output reg [1:0] s, output logic y);
  import pk::*;
  st_t st; logic [1:0][2:0] pa; logic [0:1][2:0] pb; logic [2:0] un [0:1]; logic [2:0] down [1:0];
  logic t1, t2, t3, t4, t5; logic [3:0] cnt; integer i;
  struct packed { logic v; logic [2:1] d; } sp;
  always @* begin /* one-line chains, and a comment in the way */
    z = 0; t1 = 0; t2 = 0;
    case (a[1:0])
      2'd0: z = a[2] && off[3];
      2'd1 : begin z = a[2] || off[4]; end // behind
      2'd2: if (a[2] & off[3]) z = 1; else z = asc[1];
      default z = !off[5];
    endcase
    begin t1 = z && a[0]; end
    if (a[0]) if (a[1]) t2 = a[1] ^ a[2]; else t2 = ~a[2];
    if (a[0]) begin if (off[1]) t2 = ~t2; end else if (off[2]) t2 = 1; else begin end
    z = ~z;
  end
  always_ff @(posedge clk or negedge rst_n) if (!rst_n) st <= IDLE; else if (a == MAGIC) st <= RUN;
    else if (st == RUN && a[W-1]) st <= STOP; else st <= a[0] ? IDLE : (a[1] && a[2]) ? RUN : st;
  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) cnt <= 0; else if (|a) begin if (cnt != 9) cnt <= cnt + 1; end
  for (genvar g = 0; g < 2; g++) begin : gen
    wire w; assign w = a[g] && off[g+1];
    always @(posedge clk) if (w) un[g] <= a[2:0]; else begin un[g] <= 0; end
    if (g == 0) assign down[0] = w ? a[2:0] : 3'd1; else begin assign down[1] = {3{a[g]}}; end
  end
  if (W == 4) assign y = `BOTH(a[0], a[1]) ? a[2] : a[1]; else assign y = a[0] ? a[1] : a[2];
  assign pa = {a[2:0], ~a[2:0]}; assign pb = {a[2:0], 3'b0}; assign sp = a[2:0];
  assign t3 = (a < 3) && (a[1:0] == LIM) && sp.v && pa[1][0], t4 = !(a[0] == a[1]) && (st != pk::STOP);
  wire n1 = a[2] ? off[2] : (off[3] ? a[1] : a[0]), n2 = a[0] & a[1];
  wire signed [W-1:0] sa = a;
  wire n3 = (sa < 0) && (sa + 1 > 2) && (|a[2:1]) && (a[1:0] != off[2:1]) && ((a >> 1) == 2) && ({a[0], a[1]} == 2'd1) && sp.d == 2;
  wire n4 = a && (&off[4:1]) || ^a[1:0] ~^ off[8];
  always_comb begin s = a[0] ? {a[1], a[2]} : a[2] ? 2'd1 : 2'd2; for (int k = 0; k < 2; k++) if (a[k]) s[k] = 1'b1; end
  reg [3:0] m; always @(posedge clk) for (i = 0; i < 3; i = i + 1) if (a[i] && !m[i]) begin m[i] <= a[i] & off[1]; end
  reg few; always @* begin few = 0; for (int k = 0; k < 3; k++) few = few | (a[2] && few) | (a[k] && off[8]); end
  always @* begin : named reg inner; inner = a[0] ^ off[6]; t5 = inner && a[1]; begin : deeper reg deep; deep = a[1] || inner; end end
  function automatic f(input x, input y); return x && y; endfunction
  initial if (W == 4 && MAGIC == 5) $display("never asked");
  reg lat; always_latch if (off[7]) lat = f(a[0], a[1]);
endmodule
module modern (input clk, input rst_n, input [3:0] a, input [8:1] off, input [0:3] asc, output [3:0] o, output [2:0] p);
  leaf u0 (.clk, .rst_n, .a, .off, .asc, .z(o[0]), .s(o[2:1]), .y(o[3]));
  leaf #(3, 2) u1 (.clk, .rst_n, .a(a[2:0]), .off, .asc, .z(p[0]), .s(p[2:1]), .y());
endmodule
