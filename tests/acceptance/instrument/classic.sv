// Written to be hard to instrument, not to do anything: old-style ports, nested loops and choices, every kind of case.
`timescale 1ns/1ps
`define W 8
`ifdef NOPE
module nope; endmodule
`endif
module classic(clk, rst, d, sel, q, y, z, n);
  parameter P = 2;
  input clk, rst; input [7:0] d; input [2:0] sel;
  output [7:0] q; output y; output reg z; output reg [3:0] n;
  reg [7:0] q; wire y;
  reg [7:0] mem [0:3]; reg [1:0] wp; reg f1, f2, f3; integer i, j;
  assign y = ~|d ^ (sel[0] ~^ sel[1]) | (^d[3:0] & ~&d[7:4]);
  always @(posedge clk)
    if (rst) begin
      q <= 8'd0; wp <= 0;
    end
    else begin
      casez (sel)
        3'b1??: q <= d;
        3'b01?: begin q <= q + 1; if (d[0] && !d[1]) mem[wp] <= d; end
        3'b001, 3'b000: if (mem[wp][0] || mem[sel[1:0]] == 8'h11) q <= mem[wp]; else if (d > q) q <= q - 1; else wp <= wp + 1;
      endcase
    end
  always @(d or sel or q) begin : blk
    integer k;
    z = 1'b0;
    for (k = 0; k < 8; k = k + 1)
      if (d[k] && (k != 3 || sel[2])) z = z | q[k];
    for (i = 0; i < 2; i = i + 1) for (j = 0; j < 2; j = j + 1) begin if (d[i*2+j]) begin if (i == j) z = ~z; end else z = z ^ sel[j]; end
  end
  always_comb begin
    n = '0;
    priority case (1'b1)
      d[0]: n = 4'd1;
      sel == 3'd2: n = 4'd2;
      default: n = d[1] ? 4'd3 : sel[0] ? d[2] ? 4'd4 : 4'd5 : 4'd6;
    endcase
    case (d) inside
      [8'd1:8'd9]: n[3] = d[0] | sel[0];
      8'd200, 8'd201: n[2] = 1;
      default: ;
    endcase
    if (n inside {4'd3, 4'd9} && d[7]) n = ~n;
    n = n + (d[3] && sel[1]) + {3'b0, d[4] ? sel[0] : sel[1]};
    {n[0], f1} = d[5] ? {d[6], 1'b1} : 2'b00;
    f2 = (d[1:0] == 2'd1) == (sel != 1); f3 = !(d[2] & sel[0]) && (d >= 8'd3 ? 1'b1 : sel[1]);
    if (P == 2 && d[0]) f3 = f3; else f3 = f2;
  end
  task bump; begin if (d[0]) f1 = 1; end endtask
  generate
    genvar g;
    for (g = 0; g < 3; g = g + 1) begin : lane
      reg r, s; wire t = d[g] && r;
      always @(posedge clk) begin r <= d[g] ^ d[g+1]; if (g == 1) s <= r; else if (r) s <= d[g] & sel[0]; end
      case (g) 0: assign lane0 = r | s; 1: begin wire deep = r & s; end default: begin : other wire deep2; assign deep2 = r ? s : d[g]; end endcase
    end
  endgenerate
  wire lane0;
  struct packed { logic [1:0] k; struct packed { logic a; logic [1:0] b; } in; } [1:0] st;
  assign st = {d, d[1:0]}; wire w1 = st[0].in.b[1] && st[1].k == 2 && st[sel[0]].in.a;
  wire w2 = d[sel] || d[sel -: 1] && d[{1'b0, sel[1:0]} +: 2] == 2'd1; wire [1:0] w3 = {d[0] && d[1], d[2] || d[3]}; wire w4 = (d[0] && d[1]) ? (sel[0] || d[3]) : (d[5] & d[6]);
  reg clkd; initial clkd = 0; always @(posedge clk) clkd <= ~clkd; reg [1:0] gen2; always @(negedge clk) gen2 <= gen2 + (d[0] ? 2'd1 : 2'd2);
endmodule
