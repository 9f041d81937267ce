// An SPI target with commands: write enable, write, read and identify.
module spi_target (
    input  logic       clk,
    input  logic       rst_n,
    input  logic       cs_n,
    input  logic       sclk,
    input  logic       mosi,
    output logic       miso,
    output logic [7:0] status
);
  typedef enum logic [2:0] {COMMAND, ADDRESS, WRITE, READ, IDENTIFY, IGNORE} state_t;
  state_t state;
  logic [1:0] edges;
  logic [7:0] shift, out, address;
  logic [2:0] bits;
  logic enabled;
  logic [7:0] store[4];
  logic [7:0] command;
  wire rise = edges == 2'b01, fall = edges == 2'b10;
  wire [7:0] now = {shift[6:0], mosi};
  assign miso = out[7];
  assign status = {enabled, 4'b0, state};

  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      state <= COMMAND;
      {edges, shift, out, address, bits, enabled, command} <= '0;
    end else begin
      edges <= {edges[0], sclk};
      if (cs_n) begin
        state <= COMMAND;
        bits <= '0;
      end else if (rise) begin
        shift <= now;
        bits <= bits + 1'b1;
        if (bits == 3'd7)
          case (state)
            COMMAND: begin
              command <= now;
              case (now)
                8'h06: begin
                  enabled <= 1'b1;
                  state <= IGNORE;
                end
                8'h02, 8'h03: state <= ADDRESS;
                8'h9F: begin
                  out <= 8'hC3;
                  state <= IDENTIFY;
                end
                default: state <= IGNORE;
              endcase
            end
            ADDRESS: begin
              address <= now;
              out <= store[now[1:0]];
              state <= command == 8'h03 ? READ : enabled ? WRITE : IGNORE;
            end
            WRITE: begin
              store[address[1:0]] <= now;
              address <= address + 1'b1;
              if (address == 8'hFF) enabled <= 1'b0;
            end
            READ: begin
              address <= address + 1'b1;
              out <= store[address[1:0] + 2'd1];
            end
            default: ;
          endcase
      end else if (fall && state inside {READ, IDENTIFY}) out <= {out[6:0], 1'b0};
    end
endmodule
