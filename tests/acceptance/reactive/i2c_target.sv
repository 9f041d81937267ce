// An I2C target at one address with a register file that a pointer walks through.
module i2c_target #(
    parameter logic [6:0] ADDRESS = 7'h52
) (
    input  logic       clk,
    input  logic       rst_n,
    input  logic       scl_i,
    input  logic       sda_i,
    output logic       sda_o,
    output logic [7:0] control,
    output logic       alarm
);
  typedef enum logic [2:0] {IDLE, SELECT, ACK_SELECT, POINT, ACK_DATA, WRITE, READ, READ_ACK} state_t;
  state_t state;
  logic [1:0] scl, sda;
  logic [7:0] shift, pointer;
  logic [3:0] bits;
  logic pointed;
  logic [7:0] limit;
  wire rise = scl == 2'b01, fall = scl == 2'b10;
  wire begins = scl == 2'b11 && sda == 2'b10, ends = scl == 2'b11 && sda == 2'b01;
  logic [7:0] read;

  always_comb
    case (pointer)
      8'h00: read = 8'hA7;
      8'h01: read = control;
      8'h02: read = limit;
      default: read = 8'hFF;
    endcase

  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      state <= IDLE;
      {scl, sda} <= '1;
      {shift, pointer, bits, pointed, control, limit} <= '0;
      sda_o <= 1'b1;
      alarm <= 1'b0;
    end else begin
      scl <= {scl[0], scl_i};
      sda <= {sda[0], sda_i};
      if (begins) begin
        state <= SELECT;
        bits <= '0;
        sda_o <= 1'b1;
      end else if (ends) begin
        state <= IDLE;
        pointed <= 1'b0;
        sda_o <= 1'b1;
      end else
        case (state)
          SELECT: begin
            if (rise) begin
              shift <= {shift[6:0], sda[0]};
              bits <= bits + 1'b1;
            end
            if (fall && bits == 4'd8) begin
              bits <= '0;
              if (shift[7:1] == ADDRESS) begin
                state <= ACK_SELECT;
                sda_o <= 1'b0;
              end else state <= IDLE;
            end
          end
          ACK_SELECT: if (fall) begin
            sda_o <= 1'b1;
            if (shift[0]) begin
              state <= READ;
              shift <= {read[6:0], 1'b1};
              sda_o <= read[7];
            end else state <= pointed ? WRITE : POINT;
          end
          POINT, WRITE: begin
            if (rise) begin
              shift <= {shift[6:0], sda[0]};
              bits <= bits + 1'b1;
            end
            if (fall && bits == 4'd8) begin
              bits <= '0;
              sda_o <= 1'b0;
              if (state == POINT) begin
                pointer <= shift;
                pointed <= 1'b1;
              end else begin
                if (pointer == 8'h01) control <= shift;
                if (pointer == 8'h02) limit <= shift;
                if (pointer == 8'h03 && shift == 8'hDE) alarm <= 1'b1;
                pointer <= pointer + 1'b1;
              end
              state <= ACK_DATA;
            end
          end
          ACK_DATA: if (fall) begin
            sda_o <= 1'b1;
            state <= WRITE;
          end
          READ: if (fall) begin
            bits <= bits + 1'b1;
            if (bits == 4'd7) begin
              bits <= '0;
              sda_o <= 1'b1;
              state <= READ_ACK;
            end else begin
              sda_o <= shift[7];
              shift <= {shift[6:0], 1'b1};
            end
          end
          READ_ACK: begin
            if (rise && sda[0]) state <= IDLE;
            else if (fall) begin
              pointer <= pointer + 1'b1;
              shift <= {read[6:0], 1'b1};
              sda_o <= read[7];
              state <= READ;
            end
          end
          default: ;
        endcase
    end
endmodule
