// A small processor that fetches instructions over request and valid, with loads, stores, branches and traps.
module stack_cpu (
    input  logic        clk,
    input  logic        rst_n,
    output logic        instr_req_o,
    output logic [15:0] instr_addr_o,
    input  logic        instr_rvalid_i,
    input  logic [31:0] instr_rdata_i,
    output logic        data_req_o,
    output logic        data_we_o,
    output logic [15:0] data_addr_o,
    output logic [31:0] data_wdata_o,
    input  logic        data_gnt_i,
    input  logic        data_rvalid_i,
    input  logic [31:0] data_rdata_i,
    input  logic        irq_i,
    output logic        trap_o
);
  typedef enum logic [2:0] {FETCH, DECODE, MEMORY, ANSWER, WRITEBACK, TRAP} state_t;
  state_t state;
  logic [15:0] pc, epc;
  logic [31:0] word, result;
  logic [31:0] regs[4];
  logic irq_on;
  wire [6:0] opcode = word[6:0];
  wire [2:0] funct3 = word[14:12];
  wire [6:0] funct7 = word[31:25];
  wire [31:0] a = regs[word[16:15]], b = regs[word[21:20]];
  wire [31:0] immediate = {{20{word[31]}}, word[31:20]};

  assign instr_req_o = state == FETCH;
  assign instr_addr_o = pc;
  assign data_req_o = state == MEMORY;
  assign data_we_o = opcode == 7'h23;
  assign data_addr_o = a[15:0] + immediate[15:0];
  assign data_wdata_o = b;
  assign trap_o = state == TRAP;

  always_ff @(posedge clk or negedge rst_n)
    if (!rst_n) begin
      state <= FETCH;
      {pc, epc, word, result, irq_on} <= '0;
    end else
      case (state)
        FETCH: if (instr_rvalid_i) begin
          word <= instr_rdata_i;
          state <= DECODE;
          if (irq_i && irq_on) begin
            epc <= pc;
            pc <= 16'h0010;
            irq_on <= 1'b0;
            state <= FETCH;
          end
        end
        DECODE: begin
          state <= WRITEBACK;
          pc <= pc + 16'd4;
          case (opcode)
            7'h13:
            case (funct3)
              3'b000: result <= a + immediate;
              3'b001: result <= a << word[24:20];
              3'b010: result <= {31'b0, $signed(a) < $signed(immediate)};
              3'b100: result <= a ^ immediate;
              3'b101: result <= funct7[5] ? $signed(a) >>> word[24:20] : a >> word[24:20];
              3'b110: result <= a | immediate;
              3'b111: result <= a & immediate;
              default: state <= TRAP;
            endcase
            7'h33:
            case ({funct7, funct3})
              10'b0000000_000: result <= a + b;
              10'b0100000_000: result <= a - b;
              10'b0000001_000: result <= a * b;
              10'b0000000_100: result <= a ^ b;
              default: state <= TRAP;
            endcase
            7'h03, 7'h23: state <= MEMORY;
            7'h63: begin
              state <= FETCH;
              if (funct3 == 3'b000 && a == b) pc <= pc + immediate[15:0];
              if (funct3 == 3'b001 && a != b) pc <= pc + immediate[15:0];
            end
            7'h73:
            case (word[31:20])
              12'h000: state <= TRAP;
              12'h302: begin
                pc <= epc;
                irq_on <= 1'b1;
                state <= FETCH;
              end
              12'h342: result <= {16'b0, epc};
              default: state <= TRAP;
            endcase
            default: state <= TRAP;
          endcase
        end
        MEMORY: if (data_gnt_i) state <= ANSWER;
        ANSWER: if (data_rvalid_i) begin
          result <= data_rdata_i;
          state <= data_we_o ? FETCH : WRITEBACK;
        end
        WRITEBACK: begin
          regs[word[8:7]] <= result;
          state <= FETCH;
        end
        TRAP: begin
          epc <= pc;
          pc <= 16'h0020;
          state <= FETCH;
        end
        default: state <= FETCH;
      endcase
endmodule
