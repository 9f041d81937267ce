// One bit of each signal moves: whoever takes a bit for its neighbour is found out.
module positions (input clk, input a, input b, input [1:0] at, output logic [63:0] o);
  wire [4:1] hot = {1'b0, a, 2'b00};
  wire [0:3] up = {a, 3'b000};
  struct packed { logic v; logic [2:1] d; logic [1:0][1:0] e; logic [1:0] f; } s;
  assign s = {1'b0, a, 1'b0, 1'b0, a, 2'b00, 1'b0, a};
  logic [2:1][3:2] two; assign two = {2'b00, a, 1'b0};
  logic [1:2][3:2] rising; assign rising = {2'b00, a, 1'b0};
  logic [4:1] mem [1:0]; assign mem[0] = 4'd0; assign mem[1] = hot;
  logic [1:0][3:0] rows; assign rows = {4'b0000, a, 3'b000};
  assign o[0] = |hot; assign o[1] = hot[3] && b; assign o[2] = hot[4] || b; assign o[3] = (hot[3:2] == 2'd2) && b;
  assign o[4] = (hot[4:3] == 2'd2) && b; assign o[5] = hot[at] && b; assign o[6] = |hot[4:2]; assign o[7] = ^{hot, b};
  assign o[8] = |up; assign o[9] = up[0] && b; assign o[10] = up[3] || b; assign o[11] = (up[0:1] == 2'd2) && b; assign o[12] = up[at] && b;
  assign o[13] = s.v || s.d[2] || s.d[1] || b; assign o[14] = |s.d; assign o[15] = |s.e; assign o[16] = s.e[1][0] || s.e[1][1] || s.e[0][0];
  assign o[17] = (s.d == 2'd2) && b; assign o[18] = |s.f; assign o[19] = (s.e[1] == 2'd1) && b; assign o[20] = s.e[at[0]][0] && b;
  assign o[21] = |two; assign o[22] = two[1][3] && b; assign o[23] = two[1][2] || two[2][3] || b; assign o[24] = |two[1]; assign o[25] = (two[1] == 2'd2) && b;
  assign o[26] = |rising; assign o[27] = rising[2][3] && b; assign o[28] = rising[1][3] || b; assign o[29] = (rising[2] == 2'd2) && b;
  assign o[30] = |mem[1]; assign o[31] = mem[1][3] && b; assign o[32] = mem[1][4] || mem[0][3] || b; assign o[33] = mem[at[0]][3] && b;
  assign o[34] = |rows; assign o[35] = |rows[0]; assign o[36] = rows[0][3] && b; assign o[37] = rows[1][3] || rows[0][2] || b; assign o[38] = rows[at[0]][at] && b;
  assign o[39] = rows[0][3:2] == 2'd2 && b; assign o[40] = rows[0][at +: 2] == 2'd2 && b; assign o[41] = {hot[3], hot[2]} == 2'd2 && b;
  assign o[42] = hot && b; assign o[43] = !s; assign o[44] = (hot >> 2) == 4'd1 && b; assign o[45] = |(hot & {4{b}}); assign o[46] = up && b;
  for (genvar i = 1; i < 5; i++) begin : g
    assign o[46 + i] = hot[i] && b;
    assign o[50 + i] = i == 3 && b;
    assign o[54 + i] = |hot[i:1] && b;
  end
  always_comb begin o[63:59] = '0; for (int i = 1; i < 5; i++) if (hot[i]) o[59] = 1'b1; if (hot[3] & (b | a)) o[60] = hot[3] ? b : a; end
endmodule
