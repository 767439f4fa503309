import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.*;

// Answers which of some characters the pattern of a line matches. The first line has the characters, in hexadecimal; an
// answer is a 0 or 1 for each, or the message of the exception.
class Properties {
    public static void main(String[] args) throws IOException {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        String[] characters = Arrays.stream(in.readLine().split(" "))
            .map(hex -> new String(Character.toChars(Integer.parseInt(hex, 16)))).toArray(String[]::new);
        for (String line; (line = in.readLine()) != null; ) {
            try {
                Pattern pattern = Pattern.compile(line);
                StringBuilder answer = new StringBuilder();
                for (String c : characters) answer.append(pattern.matcher(c).matches() ? '1' : '0');
                System.out.println(answer);
            } catch (PatternSyntaxException e) {
                System.out.println("refused: " + e.getDescription());
            }
        }
    }
}
