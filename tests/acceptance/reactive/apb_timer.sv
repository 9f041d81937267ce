// An APB slave with an unlock key, a prescaled timer and an interrupt.
module apb_timer (
    input  logic        pclk,
    input  logic        presetn,
    input  logic        psel,
    input  logic        penable,
    input  logic        pwrite,
    input  logic [11:0] paddr,
    input  logic [31:0] pwdata,
    output logic [31:0] prdata,
    output logic        pready,
    output logic        pslverr,
    output logic        irq
);
  localparam logic [31:0] KEY = 32'h5A5A_1234;
  logic unlocked, waited;
  logic [3:0] control;
  logic [15:0] load, count;
  logic [7:0] prescale, divided;

  assign pready = psel && penable && waited;
  wire access = pready;
  wire write = access && pwrite;

  always_ff @(posedge pclk or negedge presetn)
    if (!presetn) begin
      unlocked <= 1'b0;
      waited <= 1'b0;
      control <= '0;
      load <= '0;
      prescale <= '0;
      irq <= 1'b0;
      count <= '0;
      divided <= '0;
    end else begin
      waited <= psel && penable && !waited;
      if (write) begin
        case (paddr)
          12'h000: unlocked <= pwdata == KEY;
          12'h104: if (unlocked) control <= pwdata[3:0];
          12'h108: if (unlocked) load <= pwdata[15:0];
          12'h10C: if (unlocked) prescale <= pwdata[7:0];
          12'h110: if (pwdata[0]) irq <= 1'b0;
          default: unlocked <= 1'b0;
        endcase
      end
      if (control[0]) begin
        if (divided == prescale) begin
          divided <= '0;
          if (count == load) begin
            count <= '0;
            if (control[1]) irq <= 1'b1;
            if (control[2]) control[0] <= 1'b0;
          end else count <= count + 1'b1;
        end else divided <= divided + 1'b1;
      end
    end

  always_comb begin
    prdata = '0;
    pslverr = 1'b0;
    case (paddr)
      12'h000: prdata = {31'b0, unlocked};
      12'h104: prdata = {28'b0, control};
      12'h108: prdata = {16'b0, load};
      12'h10C: prdata = {24'b0, prescale};
      12'h110: prdata = {31'b0, irq};
      12'h114: prdata = {16'b0, count};
      default: pslverr = access;
    endcase
  end
endmodule
