"""Testbenches as people and models write them, each for a design `cnt`; none does anything that has to be refused."""

from __future__ import annotations

VERILOG_95 = """\
`timescale 1 ns / 1 ps
// Testbench for the counter: drives `clk`, checks q. Does not use $fopen.
module tb_cnt;
reg clk; reg rst; reg en;
wire [3:0] q;
integer i, errors;
cnt uut (.clk(clk), .rst(rst), .en(en), .q(q));
initial begin clk = 1'b0; forever #5 clk = !clk; end
initial begin
  errors = 0;
  $monitor("time=%0t rst=%b en=%b q=%h", $time, rst, en, q);
  rst = 1; en = 0; #20 rst = 0;
  for (i = 0; i < 20; i = i + 1) begin
    @(negedge clk) en = $random;
    if (q === 4'bxxxx) begin errors = errors + 1; $display("ERROR: unknown at %0d", i); end
  end
  if (errors == 0) $display("PASSED"); else $display("FAILED: %0d", errors);
  $finish;
end
endmodule
"""

TASKS = """\
module tb;
  timeunit 1ns; timeprecision 1ps;
  logic clk = 0, rst, en; logic [3:0] q, expected;
  cnt dut (.*);
  always #5 clk <= ~clk;
  task automatic reset(input int cycles = 2);
    rst <= 1; en <= 0; repeat (cycles) @(posedge clk); rst <= 0; expected = '0;
  endtask
  task automatic check(input string what, input logic [3:0] got, input logic [3:0] want);
    if (got !== want) $error("%s: got %h, want %h", what, got, want);
  endtask
  function automatic logic [3:0] next(input logic [3:0] value); return value + 4'd1; endfunction
  initial begin
    $dumpfile("cnt_tb.vcd"); $dumpvars;
    reset(); en <= 1;
    repeat (40) begin @(posedge clk); #1; expected = next(expected); check("q", q, expected); check("inside", dut.q, expected); end
    $display("state %0d in %m at %t", dut.q, $realtime);
    $finish(0);
  end
  initial begin #100us; $fatal(1, "timeout"); end
endmodule
"""

CLASSES = """\
class transaction;
  rand bit en; rand bit [3:0] wait_cycles;
  constraint short { wait_cycles inside {[0:5]}; en dist {1 := 3, 0 := 1}; }
  function string text(); return $sformatf("en=%0b wait=%0d", en, wait_cycles); endfunction
endclass
interface cnt_if (input logic clk);
  logic rst, en; logic [3:0] q;
  clocking cb @(posedge clk); default input #1step output #1; output rst, en; input q; endclocking
  modport test (clocking cb);
endinterface
class driver;
  virtual cnt_if bus; mailbox #(transaction) box;
  function new(virtual cnt_if bus, mailbox #(transaction) box); this.bus = bus; this.box = box; endfunction
  task run(); forever begin transaction t; box.get(t); bus.cb.en <= t.en; repeat (t.wait_cycles) @(bus.cb); end endtask
endclass
module tb;
  logic clk = 0; always #5 clk = ~clk;
  cnt_if bus (clk);
  cnt dut (.clk(clk), .rst(bus.rst), .en(bus.en), .q(bus.q));
  mailbox #(transaction) box = new();
  initial begin
    automatic driver d = new(bus, box);
    bus.cb.rst <= 1; repeat (2) @(bus.cb); bus.cb.rst <= 0;
    fork d.run(); join_none
    repeat (20) begin transaction t = new(); if (!t.randomize()) $fatal(1, "randomize"); box.put(t); $display("%s", t.text()); end
    #2000 $finish;
  end
endmodule
"""

ASSERTIONS = """\
module tb;
  logic clk = 0, rst = 1, en = 0; logic [3:0] q;
  cnt dut (.*);
  always #5 clk = ~clk;
  default clocking cb @(posedge clk); endclocking
  property counts; disable iff (rst) en |=> q == $past(q) + 4'd1; endproperty
  sequence idle; !en ##1 !en; endsequence
  assert property (counts) else $error("did not count");
  assert property (@(posedge clk) disable iff (rst) idle |-> $stable(q) or 1);
  cover property (@(posedge clk) q == 4'hf);
  assume property (@(posedge clk) !$isunknown(en));
  always_comb assert final (rst || q <= 15);
  initial begin ##2 rst <= 0; ##1 en <= 1; ##20 en <= 0; ##3 $finish; end
endmodule
"""

COVERGROUPS = """\
module tb;
  logic clk = 0, rst = 1, en = 0; logic [3:0] q;
  cnt dut (.*);
  always #5 clk = ~clk;
  covergroup cg @(posedge clk);
    option.per_instance = 1;
    cp_q: coverpoint q { bins low = {[0:7]}; bins high = {[8:15]}; illegal_bins none = default; }
    cp_en: coverpoint en; both: cross cp_q, cp_en;
  endgroup
  cg inst = new;
  initial begin
    repeat (3) @(negedge clk); rst = 0;
    repeat (100) begin @(negedge clk); en = $urandom_range(1); end
    $display("coverage %0.2f", inst.get_coverage()); $finish;
  end
endmodule
"""

MACROS = """\
`default_nettype none
`timescale 1ns/1ns
`define PERIOD 10
`define CHECK(cond, msg) \\
  if (!(cond)) begin \\
    $display("FAIL %s:%0d %s", `__FILE__, `__LINE__, msg); \\
    failures = failures + 1; \\
  end
`ifndef RUNS
`define RUNS 30
`endif
module tb;
  reg clk = 0, rst = 1, en = 0; wire [3:0] q; integer failures = 0;
  cnt dut (.clk(clk), .rst(rst), .en(en), .q(q));
  always #(`PERIOD / 2) clk = ~clk;
  initial begin
    repeat (2) @(posedge clk); @(negedge clk) rst = 0; en = 1'b1;
    repeat (`RUNS) @(negedge clk);
    `CHECK(q == 4'd14, "count, at the end")
    `CHECK((q > 0), "not zero")
    `ifdef VERBOSE $display("done"); `endif
    if (failures) $stop; else $finish;
  end
endmodule
`default_nettype wire
`undef PERIOD
"""

CONTAINERS = """\
package tb_pkg;
  typedef enum logic [1:0] {IDLE, RUN, HOLD = 2'd3} mode_e;
  typedef struct packed { mode_e mode; logic [3:0] value; } item_t;
  parameter int DEPTH = 8;
endpackage
module tb;
  import tb_pkg::*;
  logic clk = 0, rst = 1, en = 0; logic [3:0] q;
  item_t queue[$]; int seen[logic [3:0]]; int table_[DEPTH] = '{default: 0}; string names[] = '{"a", "b"};
  cnt #() dut (.clk, .rst, .en, .q);
  always #5 clk = ~clk;
  always @(posedge clk) if (!rst) begin seen[q] = seen.exists(q) ? seen[q] + 1 : 1; queue.push_back('{mode: RUN, value: q}); end
  initial begin
    item_t item;
    #12 rst = 0; en = 1; item.mode = HOLD; item.value[1:0] = 2'b11;
    #300;
    foreach (queue[i]) $write("%0d:%s ", queue[i].value, queue[i].mode.name());
    foreach (table_[i]) table_[i] += i;
    while (queue.size() > 0) void'(queue.pop_front());
    unique case (item.mode) IDLE: ; RUN, HOLD: $display("%p %0d", item, names.size()); default: ; endcase
    randcase 1: en = 0; 2: en = 1; endcase
    do #1; while (clk); $finish;
  end
endmodule
"""

SERIAL = """\
`timescale 1ns/1ps
module tb;
  localparam real BIT_NS = 8_680.5; localparam BAUD = 115_200;
  logic clk = 1'b0, rst = 1'b1, en = 1'b1; logic [3:0] q; event sent; semaphore bus = new(1); bit [7:0] got;
  cnt u_dut (.clk(clk), .rst(rst), .en(en), .q(q));
  initial forever #(10.0 / 2) clk = ~clk;
  task automatic send(input byte data);
    bus.get(1); en = 0; #(BIT_NS);
    for (int i = 0; i < 8; i++) begin en = data[i]; #(BIT_NS); end
    en = 1; #(BIT_NS); -> sent; bus.put(1);
  endtask
  initial begin : main
    #100 rst = 0;
    fork : both send(8'h55); begin @(sent) got = {got[6:0], u_dut.q[0]}; end join
    fork begin wait (u_dut.q == 4'hf); end begin #(20 * BIT_NS) $warning("late"); end join_any
    disable fork;
    send("A"); $info("baud %0d, %0d ps", BAUD, $rtoi(BIT_NS * 1000.0)); $finish;
  end
endmodule
"""

PROGRAM = """\
module top;
  bit clk, rst, en; wire [3:0] q;
  cnt dut (clk, rst, en, q);
  test t (.clk(clk), .rst(rst), .en(en), .q(q));
  initial begin clk = 0; forever #5 clk = ~clk; end
endmodule
program automatic test (input bit clk, output bit rst, en, input logic [3:0] q);
  int unsigned seed = 32'hdead_beef;
  initial begin
    rst = 1; #25; rst = 0;
    for (int unsigned i = 0, last = 64; i < last; ++i) begin
      @(posedge clk); en <= ($urandom(seed) >> 3) & 1; seed ^= {i[15:0], ~i[15:0]};
      if (i % 16 == 15) begin rst <= 1; @(posedge clk) rst <= 0; continue; end
    end
    $exit;
  end
endprogram
"""

GENERATED = """\
module tb;
  parameter N = 3; logic clk = 0, rst = 1; logic [N-1:0] en = '0; logic [3:0] q [N]; logic [7:0] vectors [0:15];
  genvar g;
  generate
    for (g = 0; g < N; g = g + 1) begin : lane
      cnt dut (.clk(clk), .rst(rst), .en(en[g]), .q(q[g]));
      always @(posedge clk) if (lane[g].dut.q == 4'hf && !rst) $strobe("lane %0d wraps", g);
    end
    if (N > 2) begin : many initial $display("many"); end else begin : few initial $display("few"); end
  endgenerate
  always begin #5 clk = 1; #5 clk = 0; end
  initial begin
    if ($test$plusargs("vectors")) $readmemh("vectors.hex", vectors);
    else for (int i = 0; i < 16; i++) vectors[i] = 8'(i * 37);
    rst = #11 0;
    foreach (vectors[i]) begin en = vectors[i][N-1:0]; repeat (1 << $clog2(N)) @(negedge clk); end
    if (q[0] inside {[1:3], 5} || $countones(en) == N) $display("%b %o %d %h %e", q[0], q[1], q[2], {q[0], q[1]}, 1.5e3);
    $finish;
  end
  final $display("bye");
endmodule
"""

ALL = {
    "Verilog-95": VERILOG_95,
    "tasks": TASKS,
    "classes": CLASSES,
    "assertions": ASSERTIONS,
    "covergroups": COVERGROUPS,
    "macros": MACROS,
    "containers": CONTAINERS,
    "serial": SERIAL,
    "program": PROGRAM,
    "generated": GENERATED,
}
