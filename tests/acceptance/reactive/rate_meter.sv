// Says which of two clocks is faster, by counting one in the time of the other.
module rate_meter (
    input  logic       clk_a,
    input  logic       clk_b,
    input  logic       rst_n,
    output logic       slow,
    output logic       equal,
    output logic       fast,
    output logic       lost
);
  logic [3:0] window;
  logic gate;
  logic [1:0] sync;
  logic [6:0] count;
  logic last;

  always_ff @(posedge clk_b or negedge rst_n)
    if (!rst_n) begin
      window <= '0;
      gate <= 1'b0;
    end else begin
      window <= window + 1'b1;
      if (window == 4'd15) gate <= ~gate;
    end

  always_ff @(posedge clk_a or negedge rst_n)
    if (!rst_n) begin
      sync <= '0;
      count <= '0;
      last <= 1'b0;
      {slow, equal, fast, lost} <= '0;
    end else begin
      sync <= {sync[0], gate};
      last <= sync[1];
      if (last != sync[1]) begin
        count <= '0;
        slow <= count > 7'd40;
        equal <= count >= 7'd10 && count <= 7'd40;
        fast <= count < 7'd10;
        lost <= 1'b0;
      end else if (count == 7'd120) lost <= 1'b1;
      else count <= count + 1'b1;
    end
endmodule
