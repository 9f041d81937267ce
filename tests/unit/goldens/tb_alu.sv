// Testbench of alu.
//
// To build and run it:
//   $ verilator --binary --timing tb_alu.sv alu.sv --top-module tb_alu
//   $ obj_dir/Vtb_alu
`timescale 1ns / 1ps

// Only the design is measured.
// verilator coverage_off
module tb_alu;
  logic clk = 1'b0;
  logic rst_n = 1'b1;
  logic start = 1'b0;
  logic [1:0] op = 2'd0;  // alu_pkg::op_t
  logic [15:0] a = 16'h0000;
  logic [3:0] pads_value = 4'h0;
  logic pads_enable = 1'b0;
  wire [3:0] pads;
  logic [7:0] regs [0:7] = '{default: '0};
  wire busy;
  wire [15:0] y;

  assign pads = pads_enable ? pads_value : 'z;

  alu dut (
      .clk   (clk),
      .rst_n (rst_n),
      .start (start),
      .op    (op),
      .a     (a),
      .pads  (pads),
      .regs  (regs),
      .busy  (busy),
      .y     (y)
  );

  // Rises at 5 ns and every 10 ns from there.
  initial forever #5 clk = ~clk;

  // Random numbers: a 32-bit xorshift, seed 42, so that every simulator draws the same ones.
  logic [31:0] rng_state = 32'h00ad4528;

  function automatic void advance_rng();
    rng_state = rng_state ^ (rng_state << 13);
    rng_state = rng_state ^ (rng_state >> 17);
    rng_state = rng_state ^ (rng_state << 5);
  endfunction

  function automatic logic [31:0] next_random();
    advance_rng();
    next_random = rng_state;
  endfunction

  function automatic int unsigned below(input int unsigned bound);
    below = (next_random() >> 16) % bound;
  endfunction

  function automatic logic chance(input int unsigned percent);
    chance = below(100) < percent;
  endfunction

  // A bit that is value in so many percent of the draws, and any in the others.
  function automatic logic mostly(input logic value, input int unsigned percent);
    if (chance(percent)) begin
      advance_rng();  // The draw that a choice among several would take.
      mostly = value;
    end else begin
      mostly = 1'(next_random());
    end
  endfunction

  // In so many percent of the draws one of these values, else any.
  function automatic logic [15:0] draw_a(input int unsigned percent);
    if (chance(percent)) begin
      case (below(3))
        0: draw_a = 16'h0000;
        default: draw_a = 16'h1234;
      endcase
    end else begin
      draw_a = 16'(next_random());
    end
  endfunction

  // Lets cycles of clk pass. Stops 1 ns after the edge: inputs change there, clear of it.
  task automatic tick(input int cycles);
    repeat (cycles) @(posedge clk);
    #1;
  endtask

  // Puts rst_n into reset for so many cycles.
  task automatic reset_dut(input int cycles);
    rst_n = 1'b0;
    tick(cycles);
    rst_n = 1'b1;
  endtask

  // Lets cycles pass until busy is wanted, at most limit.
  task automatic wait_for_busy(input logic wanted, input int limit);
    for (int waited = 0; waited < limit && busy !== wanted; waited++)
      tick(1);
  endtask

  // Prints what the outputs are in the end.
  task automatic show_outputs;
    $display("busy = %h", busy);
    $display("y = %h", y);
  endtask

  // Reset, then one addition.
  task automatic start_up;
    reset_dut(3);
    a = 16'h1234; op = 2'd0; start = 1'b1;  // op: ADD
    tick(1);
    wait_for_busy(1'b0, 20);
  endtask

  // Random requests while the pads change hands.
  task automatic table_2;
    repeat (100) begin
      start = mostly(1'b0, 80);
      if (!chance(30)) a = draw_a(50);
      for (int index = 0; index <= 7; index++) if (!chance(90)) regs[index] = 8'(next_random());
      pads_value = 4'(next_random());
      if (!chance(70)) pads_enable = 1'(next_random());
      tick(1);
    end
  endtask

  initial begin
    #1;  // Clear of time 0, when the initial values settle.
    start_up;
    table_2;
    show_outputs;
    $finish;
  end
endmodule
// verilator coverage_on
